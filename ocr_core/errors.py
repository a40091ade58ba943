"""Everything this package raises on purpose, as one tree.

Each class carries a `code`: a stable, machine-readable name that callers may match on and that the service repeats in
its problem documents. Messages say what is wrong and, where something can be done, what to do.
"""

from __future__ import annotations


class OcrError(Exception):
    """Root of the tree."""

    code = "ocr_error"


class ImageError(OcrError):
    """An upload that cannot be read as an image."""

    code = "invalid_image"


class UnsupportedImageError(ImageError):
    """The bytes are in no image format that we read."""

    code = "unsupported_image_type"


class UndecodableImageError(ImageError):
    """The format is known, the content is damaged or empty."""

    code = "undecodable_image"


class ImageTooLargeError(ImageError):
    """More pixels than the caller allows, as told by the header before anything is decoded."""

    code = "image_too_large"


class DocumentError(ImageError):
    """A file of pages that cannot be opened."""

    code = "invalid_document"


class DamagedDocumentError(DocumentError):
    """The format is known, but no page can be found in it."""

    code = "damaged_document"


class PasswordRequiredError(DocumentError):
    """The document is encrypted and no password came with it."""

    code = "password_required"


class WrongPasswordError(DocumentError):
    """The document is encrypted, with another password."""

    code = "wrong_password"


class UnsupportedEncryptionError(DocumentError):
    """The document is encrypted in a way that no password opens here, such as by a certificate."""

    code = "unsupported_encryption"


class PageSelectionError(DocumentError):
    """A selection of pages that is not understood, or of pages that the document does not have."""

    code = "invalid_pages"


class TooManyPagesError(DocumentError):
    """More pages than are read at a time."""

    code = "too_many_pages"


class PageError(ImageError):
    """A page that cannot be read; others of the document may."""

    code = "unreadable_page"


class PageTooCostlyError(PageError):
    """A page that takes more time, memory or pixels than it may."""

    code = "page_too_costly"


class BundleError(OcrError):
    """A model bundle, or a store of them, that cannot be used."""

    code = "invalid_bundle"


class BundleNotFoundError(BundleError):
    """No bundle of that name, or no such version of it."""

    code = "bundle_not_found"


class BundleExistsError(BundleError):
    """There is a bundle of that name and version; bundles are never overwritten."""

    code = "bundle_exists"


class BundleCorruptError(BundleError):
    """A file is missing, has another size or another sha256 than the manifest says, or lies outside the bundle."""

    code = "bundle_corrupt"


class BundleSchemaError(BundleError):
    """The manifest does not follow a schema that this release understands."""

    code = "bundle_schema"


class BundleImportError(BundleError):
    """ONNX files that do not add up to a bundle: wrong shapes, no dictionary, one of another model."""

    code = "bundle_import"


class BackendError(OcrError):
    """An inference backend that cannot be used or failed while computing."""

    code = "backend_error"


class BackendUnavailableError(BackendError):
    """The backend that was asked for is not installed, or its provider is not the one in use."""

    code = "backend_unavailable"
