"""Checks of a device, a site, a broker and its engines."""
