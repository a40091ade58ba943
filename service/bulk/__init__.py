"""Many files: from a folder or a bucket into another, on one machine, on shards of a cluster, or by Ray.

Stands on `ocr_core` alone. Every file is read once, however often a run is killed and started again: what was done lies
in a manifest beside the outputs.
"""
