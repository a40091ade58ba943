"""What needs libqpdf (pikepdf): pages taken from documents, text laid on them, one PDF of them.

A PDF that others made is handled in a process of its own (`child`, on `ocr_core.child`), as it is when it is drawn:
files can be made at which libqpdf works for minutes, and nothing stops it. Documents that we made are handled here, by
the same `assembly`.
"""
