"""Compiling a bundle's graphs to TensorRT engines and running them."""
