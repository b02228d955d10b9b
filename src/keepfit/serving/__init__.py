"""The model server: TensorFlow Serving's API over one front process and a worker process per loaded version."""
