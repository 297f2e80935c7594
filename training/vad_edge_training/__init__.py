"""What runs on the desktop GPU: data, models, fit and evaluate."""
