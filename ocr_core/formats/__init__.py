"""A page that was read, written down for others."""
