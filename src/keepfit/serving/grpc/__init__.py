"""TensorFlow Serving's gRPC API: its calls, messages and framing."""
