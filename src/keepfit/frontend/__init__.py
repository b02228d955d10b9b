"""The web page and its /predict. Knows TensorFlow Serving's REST API; nothing of TensorFlow, models/ or training."""
