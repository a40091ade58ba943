"""What a run trains and how it is judged: one task for each kind of network, one loop for all of them."""
