"""What is wrong with the device itself, as conditions and counters."""
