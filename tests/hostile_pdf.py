"""PDF files that are meant to bring down whoever opens them; each says what it is.

`python tests/hostile_pdf.py DIR` writes them down.
"""

from __future__ import annotations

import random
import struct
import sys
import zlib
from pathlib import Path

from pdfs import A4, HELVETICA, LINES, document, paragraph, pdf, place, raw_picture, stream, text


def _page(content: bytes = b"") -> dict[int, bytes]:
    return {
        1: b"<</Type/Catalog/Pages 2 0 R>>",
        2: b"<</Type/Pages/Count 1/Kids[4 0 R]>>",
        3: HELVETICA,
        4: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 5 0 R/Resources<</Font<</F 3 0 R>>>>>>",
        5: stream(content),
    }


def million_pages_claimed() -> bytes:
    """One page, and a page tree that says it has a million."""
    objects = _page(paragraph(LINES))
    objects[2] = b"<</Type/Pages/Count 1000000/Kids[4 0 R]>>"
    return pdf(objects)


def million_pages() -> bytes:
    """A tree of depth six in which every node names the next one ten times: a million pages of eight objects."""
    objects = {1: b"<</Type/Catalog/Pages 2 0 R>>"}
    for depth in range(6):
        objects[2 + depth] = b"<</Type/Pages/Count %d/Kids[%s]>>" % (10 ** (6 - depth), b"%d 0 R " % (3 + depth) * 10)
    objects[8] = b"<</Type/Page/MediaBox[0 0 100 100]/Parent 7 0 R>>"
    return pdf(objects)


def deep_page_tree() -> bytes:
    """A hundred thousand nodes of the page tree, each the only child of the one above it."""
    depth = 100_000
    objects = {1: b"<</Type/Catalog/Pages 2 0 R>>"}
    for i in range(depth):
        objects[2 + i] = b"<</Type/Pages/Count 1/Kids[%d 0 R]>>" % (3 + i)
    objects[2 + depth] = b"<</Type/Page/MediaBox[0 0 100 100]>>"
    return pdf(objects)


def page_tree_loop() -> bytes:
    """A page tree that is its own child."""
    return pdf({1: b"<</Type/Catalog/Pages 2 0 R>>", 2: b"<</Type/Pages/Count 5/Kids[2 0 R]/Parent 2 0 R>>"})


def huge_box() -> bytes:
    """A page of 10,000 inches a side."""
    return document([text("A wall of a page", 72, 700, 24)], size=(720_000, 720_000))


def absurd_box() -> bytes:
    """A page whose sides are beyond what floating point numbers hold."""
    return document([paragraph(LINES)], page=b"/MediaBox[0 0 1e39 1e39]/CropBox[-1e38 -1e38 1e38 1e38]")


def sliver() -> bytes:
    """A page of 100,000 by a thousandth of a point."""
    return document([paragraph(LINES)], size=(100_000, 0.001))


def recursive_form() -> bytes:
    """A form that draws itself twice."""
    form = stream(b"/X Do /X Do", b"/Type/XObject/Subtype/Form/BBox[0 0 595 842]/Resources<</XObject<</X 5000 0 R>>>>")
    return document([b"/X Do"], resources=b"/XObject<</X 5000 0 R>>", objects={5_000: form})


def form_bomb() -> bytes:
    """Forms that draw the next one ten times, nine deep: a billion rectangles."""
    objects = {}
    for depth in range(9):
        head = b"/Type/XObject/Subtype/Form/BBox[0 0 595 842]/Resources<</XObject<</X %d 0 R>>>>" % (5_001 + depth)
        objects[5_000 + depth] = stream(b"/X Do " * 10, head)
    objects[5_009] = stream(b"0 0 500 500 re f", b"/Type/XObject/Subtype/Form/BBox[0 0 595 842]")
    return document([b"/X Do"], resources=b"/XObject<</X 5000 0 R>>", objects=objects)


def pattern_loop() -> bytes:
    """A tiling pattern filled with itself."""
    head = b"/Type/Pattern/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 1 1]/XStep .01/YStep .01"
    tile = stream(b"/Pattern cs /P scn 0 0 1 1 re f", head + b"/Resources<</Pattern<</P 5000 0 R>>>>")
    content = b"/Pattern cs /P scn 0 0 595 842 re f"
    return document([content], resources=b"/Pattern<</P 5000 0 R>>", objects={5_000: tile})


def endless_content() -> bytes:
    """200 MB of drawing in 200 kB."""
    return _repeating(b"0 0 m 595 842 l 0 842 l 595 0 l b\n" * 10_000, 600)


def nested_content() -> bytes:
    """A million saved states, and arrays in arrays."""
    return document([b"q " * 1_000_000 + b"[" * 1_000_000], packed=True)


def strewn_letters() -> bytes:
    """Twenty thousand letters, each on a line of its own."""
    letters = (text("x", 5 + 29.3 * (i % 20), 840 - i / 24, 0.5 + i % 7) for i in range(20_000))
    return document([b"".join(letters)], packed=True)


def many_pictures() -> bytes:
    """Fifty thousand pictures, each over the whole page and what is written on it."""
    content = paragraph(LINES) + place("X", 0, 0, *A4) * 50_000
    image = {5_000: raw_picture(b"\x80", 1, 1, b"/ColorSpace/DeviceGray")}
    return document([content], resources=b"/XObject<</X 5000 0 R>>", objects=image, packed=True)


def ten_million_characters() -> bytes:
    """A text layer of ten million characters on one page."""
    lines = b"".join(text("abcdefghi " * 100, i % 7, i / 12, 0.1) for i in range(10_000))
    return document([lines], packed=True)


def deflate_bomb() -> bytes:
    """A content that unpacks to 4 GB, packed twice."""
    packed = _repeated(bytes(1 << 20), 4096)
    content = stream(zlib.compress(packed, 9), b"/Filter[/FlateDecode/FlateDecode]")
    return pdf({**_page(), 5: content})


def giant_picture() -> bytes:
    """A picture of 60,000 × 60,000 pixels on a page of an inch."""
    data = zlib.compress(bytes(60_000 * 100), 9)
    image = raw_picture(data, 60_000, 60_000, b"/ColorSpace/DeviceRGB/Filter/FlateDecode")
    return _with_picture(image, size=(72, 72))


def jpeg2000_bomb() -> bytes:
    """A JPEG 2000 code stream that says it has 60,000 × 60,000 pixels of four components in one tile."""
    siz = struct.pack(">HIIIIIIIIH", 0, 60_000, 60_000, 0, 0, 60_000, 60_000, 0, 0, 4) + b"\x07\x01\x01" * 4
    cod = b"\x00\x00\x00\x01\x00\x05\x04\x04\x00\x00"
    qcd = b"\x40" + b"\x40" * 16
    segments = [(0x51, siz), (0x52, cod), (0x5C, qcd)]
    head = b"\xff\x4f" + b"".join(b"\xff%c" % kind + struct.pack(">H", len(d) + 2) + d for kind, d in segments)
    tile = b"\xff\x90" + struct.pack(">HHIBB", 10, 0, 0, 0, 1) + b"\xff\x93" + bytes(1000) + b"\xff\xd9"
    return _with_picture(raw_picture(head + tile, 60_000, 60_000, b"/Filter/JPXDecode"))


def jbig2_bomb() -> bytes:
    """A JBIG2 page of 100,000 × 100,000 pixels, and a generic region as large."""
    side = 100_000
    page = struct.pack(">IBBI", 0, 48, 1, 19) + struct.pack(">IIIIBH", side, side, 0, 0, 0, 0)
    region = struct.pack(">IIIIB", side, side, 0, 0, 0) + b"\x00" + b"\x03\xff\xfd\xff\x02\xfe\xfe\xfe" + bytes(100)
    data = page + struct.pack(">IBBI", 1, 38, 1, len(region)) + region
    return _with_picture(raw_picture(data, side, side, b"/ColorSpace/DeviceGray/Filter/JBIG2Decode", bits=1))


def soft_mask_loop() -> bytes:
    """A picture that is its own mask."""
    image = raw_picture(bytes(100), 10, 10, b"/ColorSpace/DeviceGray/SMask 5000 0 R")
    return _with_picture(image)


def xref_loop() -> bytes:
    """A cross-reference table whose predecessor is itself."""
    data = pdf(_page(paragraph(LINES)), trailer=b"/Prev 0000000000")
    start = data.rindex(b"startxref\n") + len(b"startxref\n")
    place = data[start : data.index(b"\n", start)]
    return data.replace(b"/Prev 0000000000", b"/Prev %010d" % int(place))


def object_stream_loop() -> bytes:
    """An object stream that extends itself, and a length that is told by the stream it is the length of."""
    objects = _page()
    objects[6] = stream(b"1 0 2 0 <<>> <<>>", b"/Type/ObjStm/N 2/First 8/Extends 6 0 R")
    objects[5] = b"<</Length 5 0 R>>\nstream\n%s\nendstream" % paragraph(LINES)
    return pdf(objects)


def unseen_objects(count: int = 300_000) -> bytes:
    """A page of text, and any number of dictionaries that no page shows: who only draws it never meets them."""
    objects = _page(paragraph(LINES))
    objects[1] = b"<</Type/Catalog/Pages 2 0 R/Unseen 6 0 R>>"
    objects[6] = b"[" + b"<<>>" * count + b"]"
    return pdf(objects)


def no_page() -> bytes:
    """A page tree without pages."""
    return pdf({1: b"<</Type/Catalog/Pages 2 0 R>>", 2: b"<</Type/Pages/Count 0/Kids[]>>"})


def broken_second_page() -> bytes:
    """Three pages, of which the second is a number."""
    data = document([paragraph(LINES)] * 3)
    start = data.index(b"12 0 obj") + len(b"12 0 obj\n")
    end = data.index(b"endobj", start)
    return data[:start] + b"42".ljust(end - start) + data[end:]


def noise() -> bytes:
    """A signature, then nothing that means anything."""
    return b"%PDF-1.7\n" + random.Random(0).randbytes(100_000)


def cut_off() -> bytes:
    """The first half of a document."""
    data = document([paragraph(LINES)] * 3)
    return data[: len(data) // 2]


def _repeating(content: bytes, times: int) -> bytes:
    """Return a document of one page with this content so many times, without making all of it."""
    return pdf({**_page(), 5: stream(_repeated(content, times), b"/Filter/FlateDecode")})


def _repeated(block: bytes, times: int) -> bytes:
    """Return what unpacks to a block so many times: the packed block itself, for each stands alone."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x78\xda" + packed * times + b"\x03\x00"


def _with_picture(image: bytes, size: tuple[float, float] = A4) -> bytes:
    content = place("X", 0, 0, *size)
    return document([content], size=size, resources=b"/XObject<</X 5000 0 R>>", objects={5_000: image})


HOSTILE = (
    *(million_pages_claimed, million_pages, deep_page_tree, page_tree_loop, huge_box, absurd_box, sliver),
    *(recursive_form, form_bomb, pattern_loop, endless_content, nested_content, strewn_letters, many_pictures),
    *(ten_million_characters, deflate_bomb, giant_picture, jpeg2000_bomb, jbig2_bomb, soft_mask_loop),
    *(xref_loop, object_stream_loop, unseen_objects, no_page, broken_second_page, noise, cut_off),
)


if __name__ == "__main__":
    from encrypted_pdf import encrypted

    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    made = {make.__name__: make() for make in HOSTILE}
    for name, data in {**made, "locked": encrypted(b"secret"), "empty": b"", "signature_alone": b"%PDF-"}.items():
        (folder / f"{name}.pdf").write_bytes(data)
