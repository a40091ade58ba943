"""The HTTP service and the command line around `ocr_core`."""
