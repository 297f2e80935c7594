"""Variants of a model, tried beside each other."""
