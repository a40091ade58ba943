"""Renders labelled lines and pages: what the networks train on when there are no labelled images, and beside them."""
