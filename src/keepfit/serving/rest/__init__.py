"""TensorFlow Serving's REST API: its paths, codes and JSON."""
