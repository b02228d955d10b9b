"""From a source of rows to checked, split arrays; knows nothing of models, training or serving."""
