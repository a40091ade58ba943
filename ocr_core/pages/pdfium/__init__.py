"""PDFium in a process of its own.

`child` runs there and imports nothing but the standard library and PDFium's bindings: it starts in some 50 ms, holds
16 MB, and may crash, hang or run out of memory without harm. `process` is this side's end, `wire` what they speak.
"""
