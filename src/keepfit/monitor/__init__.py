"""The watch over the loop: its figures for Prometheus, its health, and the way from an alert to a person."""
