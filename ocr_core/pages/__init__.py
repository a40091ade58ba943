"""The bytes of an upload as pages."""
