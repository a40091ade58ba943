"""What computes, knowing nothing of HTTP."""
