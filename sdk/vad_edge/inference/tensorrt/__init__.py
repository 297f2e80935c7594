"""Compiling a bundle's graph into an engine of the TensorRT that is here."""
