"""Model bundles: the manifest, reading, writing, stores and importing."""
