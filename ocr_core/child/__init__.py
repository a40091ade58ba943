"""Processes of our own that read what others wrote: each may crash, hang or run out of memory without harm.

`serving` runs there, on the standard library alone, and bounds what it may take; `process` is this side's end, which
ends it when it takes too long; `wire` is what they speak.
"""
