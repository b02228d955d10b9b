"""The calls on a loaded version, as functions of arrays. Knows no JSON, no protobuf requests and no transport."""
