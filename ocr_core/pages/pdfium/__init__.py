"""PDFium in a process of its own (`ocr_core.child`).

`child` runs there and imports nothing but the standard library and PDFium's bindings: it starts in some 50 ms and holds
16 MB. `process` is this side's end, `fields` what the two know of characters.
"""
