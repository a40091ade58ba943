"""What speaks HTTP: requests in, answers and problems out."""
