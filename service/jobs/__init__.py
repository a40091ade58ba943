"""Long work that outlives a request."""
