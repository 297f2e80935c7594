"""Raw scores to calibrated surprises, error maps to regions."""
