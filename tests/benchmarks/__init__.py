"""Speed and memory of a run, measured in processes of their own: `make bench`."""
