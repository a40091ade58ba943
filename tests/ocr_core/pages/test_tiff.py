from __future__ import annotations

import io
import struct

import numpy as np
import PIL.Image
import pytest

from ocr_core.errors import ImageError, ImageTooLargeError, UndecodableImageError
from ocr_core.pages.images import decode, probe, resolution
from ocr_core.pages.limits import Limits
from ocr_core.pages.opening import open_document

GREYS = (10, 90, 200)


def tiff(*, big=False, sizes=((40, 30), (50, 20), (60, 10)), **options):
    """Return a TIFF of pictures of one grey each."""
    pictures = [PIL.Image.new("L", size, grey) for size, grey in zip(sizes, GREYS, strict=True)]
    file = io.BytesIO()
    pictures[0].save(file, "TIFF", save_all=True, append_images=pictures[1:], big_tiff=big, **options)
    return file.getvalue()


def directories(data):
    """Return where the pointers to directories of a classic little-endian TIFF stand, the last of them 0."""
    at, places = 4, [4]
    while following := struct.unpack_from("<I", data, at)[0]:
        at = following + 2 + 12 * struct.unpack_from("<H", data, following)[0]
        places.append(at)
    return places


@pytest.mark.parametrize("options", [{}, {"big": True}, {"compression": "tiff_lzw"}])
def test_every_picture_is_a_page(options):
    with open_document(tiff(**options)) as document:
        assert (document.format, len(document)) == ("TIFF", 3)
        for i, (grey, (width, height)) in enumerate(zip(GREYS, ((40, 30), (50, 20), (60, 10)), strict=True)):
            page = document.page(i)
            assert (page.number, page.width, page.height, page.dpi, page.lines) == (i + 1, width, height, None, ())
            assert page.render(None).shape == (height, width, 3)
            assert (page.render(None) == grey).all()


def test_big_endian_files_are_read():
    # One picture of 2×1 grey pixels, written by hand: Pillow writes little-endian files only.
    entries = [(256, 3, 2), (257, 3, 1), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8), (278, 3, 1), (279, 4, 2)]
    directory = struct.pack(">H", len(entries))
    for tag, kind, value in entries:
        directory += struct.pack(">HHI", tag, kind, 1) + struct.pack(
            ">HH" if kind == 3 else ">I", *([value, 0] if kind == 3 else [value])
        )
    data = b"MM\0*" + struct.pack(">I", 10) + b"\x20\x40" + directory + bytes(4)
    with open_document(data) as document:
        assert len(document) == 1
        assert document.page(0).render(None)[0, :, 0].tolist() == [0x20, 0x40]


def test_a_damaged_picture_leaves_the_others():
    data = bytearray(tiff())
    second = directories(data)[1]
    at = struct.unpack_from("<I", data, second)[0]
    data[at + 2 : at + 2 + 24] = bytes(24)  # width and height of the second picture
    with open_document(bytes(data)) as document:
        assert len(document) == 3
        with pytest.raises(ImageError):
            document.page(1).render(None)
        assert (document.page(2).render(None) == GREYS[2]).all()


def test_a_chain_that_bites_its_tail_ends():
    data = bytearray(tiff())
    places = directories(data)
    struct.pack_into("<I", data, places[-1], struct.unpack_from("<I", data, 4)[0])
    with open_document(bytes(data)) as document:
        assert len(document) == 3


def test_a_chain_that_leads_nowhere_ends_where_it_is_cut():
    data = bytearray(tiff())
    struct.pack_into("<I", data, directories(data)[2], len(data) + 1000)
    with open_document(bytes(data)) as document:
        assert len(document) == 2


@pytest.mark.parametrize("data", [b"II*\0", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\0", b"II+\0" + bytes(12)])
def test_a_file_without_a_picture(data):
    with pytest.raises(UndecodableImageError):
        open_document(data)


def test_a_million_directories():
    # Directories of one entry, each pointing at the next.
    size = 18
    body = b"".join(struct.pack("<HHHIII", 1, 256, 3, 1, 1, 8 + size * (i + 1)) for i in range(200_000))
    with pytest.raises(UndecodableImageError, match="more than 100000 pictures"):
        open_document(b"II*\0" + struct.pack("<I", 8) + body)


def with_copies(*kinds):
    """Return a TIFF of a picture for each value of its tag 254, 1 for a smaller copy, of the greys in `GREYS`."""
    file = io.BytesIO()
    with PIL.TiffImagePlugin.AppendingTiffWriter(file) as writer:
        for kind, grey in zip(kinds, GREYS, strict=False):
            size = (20, 15) if kind else (40, 30)
            PIL.Image.new("L", size, grey).save(writer, "TIFF", tiffinfo={254: kind})
            writer.newFrame()
    return file.getvalue()


@pytest.mark.parametrize(
    ("kinds", "pages"),
    [((0, 1, 1), [0]), ((1, 0), [1]), ((1, 1, 0), [2]), ((1, 0, 0), [1, 2]), ((1, 1), [0, 1]), ((1,), [0])],
)
def test_reduced_copies_are_no_pages_unless_there_is_nothing_else(kinds, pages):
    data = with_copies(*kinds)
    with open_document(data) as document:
        assert [document.page(i).render(None)[0, 0, 0] for i in range(len(document))] == [GREYS[i] for i in pages]
    image = decode(data)
    assert (image.pixels == GREYS[pages[0]]).all()
    assert probe(data) == image.header


@pytest.mark.parametrize("kind", ["H", "I"], ids=["SHORT", "LONG"])
def test_a_value_is_read_in_the_width_that_its_type_has(kind):
    def directory(side, reduced, following):
        wide = [(256, side), (257, side), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, side), (279, side**2)]
        entries = [
            struct.pack(">HHI", 254, 3 if kind == "H" else 4, 1) + struct.pack(f">{kind}", reduced).ljust(4, b"\0")
        ]
        entries += [struct.pack(">HHII", tag, 4, 1, value) for tag, value in wide]
        return struct.pack(">H", len(entries)) + b"".join(entries) + struct.pack(">I", following)

    start = 8 + 64
    second = start + len(directory(4, 1, 0))
    data = b"MM\0*" + struct.pack(">I", start) + b"\x80" * 64 + directory(4, 1, second) + directory(8, 0, 0)
    assert decode(data).pixels.shape == (8, 8, 3)


@pytest.mark.parametrize(
    ("kind", "across", "down"),
    [
        pytest.param(5, struct.pack("<II", 0, 0), struct.pack("<II", 0, 0), id="nothing over nothing"),
        pytest.param(12, struct.pack("<d", 200), struct.pack("<d", float("nan")), id="no number"),
        pytest.param(12, struct.pack("<d", float("inf")), struct.pack("<d", float("inf")), id="infinity"),
    ],
)
def test_resolutions_that_are_no_numbers_are_unknown(kind, across, down):
    head = b"II*\0" + struct.pack("<I", 8 + 64 + 16) + b"\x80" * 64 + across + down
    wide = [(256, 8), (257, 8), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, 8), (279, 64)]
    entries = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in wide]
    entries += [struct.pack("<HHII", tag, kind, 1, at) for tag, at in ((282, 72), (283, 80))]
    entries.append(struct.pack("<HHII", 296, 4, 1, 2))
    data = head + struct.pack("<H", len(entries)) + b"".join(entries) + struct.pack("<I", 0)
    assert decode(data).pixels.shape == (8, 8, 3)
    assert resolution(data) is None


def test_what_a_file_asks_of_its_decoder_is_asked_of_the_picture_that_is_decoded():
    data = bytearray(with_copies(1, 0))
    entries = struct.unpack_from("<I", data, directories(data)[1])[0] + 2
    tags = [struct.unpack_from("<H", data, entries + 12 * i)[0] for i in range(12)]
    struct.pack_into("<I", data, entries + 12 * tags.index(273) + 4, 100_000)  # strips
    with pytest.raises(UndecodableImageError, match="strips"):
        probe(bytes(data))


def test_the_limit_of_pixels_is_that_of_each_page():
    with open_document(tiff(), limits=Limits(pixels=1_000)) as document:
        with pytest.raises(ImageTooLargeError):
            document.page(0).render(None)
        assert document.page(2).render(None).shape == (10, 60, 3)


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_of_pictures_that_move_the_first_is_read(kind):
    pictures = [PIL.Image.fromarray(np.full((30, 40, 3), grey, np.uint8)) for grey in GREYS]
    file = io.BytesIO()
    options = {"lossless": True} if kind == "WEBP" else {}
    pictures[0].save(file, kind, save_all=True, append_images=pictures[1:], **options)
    with open_document(file.getvalue()) as document:
        assert (document.format, len(document)) == (kind, 1)
        assert (document.page(0).render(None) == GREYS[0]).all()


def test_what_raises_while_waiting_is_passed_on():
    def leave():
        raise TimeoutError

    with open_document(tiff()) as document, pytest.raises(TimeoutError):
        document.page(0, check=leave)
