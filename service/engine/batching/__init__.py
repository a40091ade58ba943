"""The network stages of all requests in flight, computed in fair batches by one set of threads."""
