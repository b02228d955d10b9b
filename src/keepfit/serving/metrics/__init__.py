"""What the server counts, for Prometheus; what it looks up when it is asked is in models/gauges.py."""
