"""Keepfit retrains, judges, serves and watches a TensorFlow model."""

__version__ = "0.1.0"
