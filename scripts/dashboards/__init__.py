"""The Grafana dashboards as Python: panels.py is what all share, every other module one dashboard."""
