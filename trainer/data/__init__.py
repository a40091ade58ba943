"""Labelled and rendered samples, batched: a function of (seed, position) alone, whatever the number of workers."""
