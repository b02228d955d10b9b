"""When to retrain by itself. Knows nothing of what a retraining is."""
