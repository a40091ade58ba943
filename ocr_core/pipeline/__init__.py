"""From the pixels of an image to its lines in reading order."""
