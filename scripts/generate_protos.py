"""Writes src/keepfit/protos/descriptors.binpb: the messages of TensorFlow Serving's API and of SavedModel.

The generated modules of tensorflow and tensorflow-serving-api import the whole of TensorFlow (2.5 s, 400 MB), which
the server's front process must not. Their descriptors do not need it, so those are kept in the package instead.
Run it (with the development dependencies installed) after tensorflow-serving-api was updated.
"""

import importlib
import sys
from pathlib import Path

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

ROOTS = (
    "tensorflow_serving.apis.model_service_pb2",
    "tensorflow_serving.apis.prediction_log_pb2",
    "tensorflow_serving.apis.prediction_service_pb2",
    "tensorflow.core.protobuf.saved_model_pb2",
    "tensorflow.core.example.example_pb2",
)
TARGET = Path(__file__).parent.parent / "src" / "keepfit" / "protos" / "descriptors.binpb"


def collect() -> bytes:
    """Return a serialized FileDescriptorSet of ROOTS and all that they import, dependencies first."""
    files: dict[str, FileDescriptorProto] = {}

    def add(descriptor: FileDescriptor) -> None:
        if descriptor.name in files:
            return
        for dependency in descriptor.dependencies:
            add(dependency)
        proto = FileDescriptorProto()
        descriptor.CopyToProto(proto)
        files[descriptor.name] = proto

    for root in ROOTS:
        add(importlib.import_module(root).DESCRIPTOR)
    return FileDescriptorSet(file=files.values()).SerializeToString(deterministic=True)


def main() -> int:
    """Write the file; return the process's exit code."""
    TARGET.write_bytes(collect())
    sys.stdout.write(f"{TARGET}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
