"""The retraining run and its stages. No stage imports another; `run.py` alone knows their order."""
