"""The site as a Sparkplug B edge node."""
