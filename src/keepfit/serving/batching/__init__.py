"""How concurrent requests to one version become batches for its workers."""
