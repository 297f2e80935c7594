"""Writing a board with NVIDIA's own tools: plan, preflight, staging, running."""
