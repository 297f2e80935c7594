"""Power cuts while events are committed: a small machine in QEMU, and a disk that forgets."""
