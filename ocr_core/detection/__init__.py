"""Finding text: resizing for the network and the DB post-processing of its maps."""
