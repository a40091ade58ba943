"""Copies a bundle into a store that lacks its name: `python copy_bundle.py FROM TO NAME[@VERSION]`.

FROM and TO are folders or URLs; a folder or bucket that is missing is made. This is how an empty volume or bucket gets
the model that the image carries; a store that has a version of that name, perhaps a better one, is left alone.
"""

from __future__ import annotations

import sys

import fsspec

from ocr_core.bundle.store import open_store
from ocr_core.errors import BundleExistsError


def copy_bundle(source: str, target: str, ref: str) -> str:
    """Copy and return what was done, in words."""
    files, root = fsspec.core.url_to_fs(target)
    files.makedirs(root, exist_ok=True)
    store = open_store(target)
    name = ref.partition("@")[0]
    if store.versions(name):
        return f"{target} has {name} already"
    bundle = open_store(source).open(ref)
    try:
        store.publish(bundle)
    except BundleExistsError:  # another replica was faster
        return f"{target} has {bundle.ref} already"
    return f"{bundle.ref} copied to {target}"


if __name__ == "__main__":
    print(copy_bundle(*sys.argv[1:]))
