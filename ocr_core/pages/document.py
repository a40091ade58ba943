"""What any upload is: a sequence of pages, each with pixels and perhaps with text of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from ocr_core.geometry import Points
from ocr_core.pages.text_layer import EmbeddedLine
from ocr_core.preprocess import Pixels

if TYPE_CHECKING:
    from typing_extensions import Self

Check = Callable[[], None]
"""Called a few times a second while a page is waited for; what it raises ends the wait and is passed on."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SourcePage:
    """A page as the file has it. Coordinates are pixels of the page as `render` draws it."""

    number: int
    """From 1."""
    width: int
    height: int
    render: Callable[[Check | None], Pixels]
    """Draws the page; each call anew, for pixels are large. Raises ImageError, or what the check raises."""
    dpi: float | None = None
    """Pixels for each 72 units of a PDF's page; None for images."""
    lines: tuple[EmbeddedLine, ...] = ()
    """The text layer, in the order of the file."""
    overlong: bool = False
    """The text layer has more characters than the limit and was left out."""
    trusted: bool = False
    """Whether what is seen of the text layer says what is seen."""
    unread: tuple[Points, ...] = ()
    """Where the page may show text beyond the layer: outlines of pictures and the like, 4×2 each."""


class Document(ABC):
    """An open file. Its methods may be called from any thread; a page that fails leaves the others as they are."""

    format: str
    """`PDF`, or the format of the image as Pillow names it."""

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of pages."""

    @abstractmethod
    def page(self, index: int, *, check: Check | None = None) -> SourcePage:
        """Return the page with this index, from 0.

        Args:
            index: below `len(self)`.
            check: called while waiting; whatever it raises ends the wait.

        Raises:
            ImageError: the page cannot be read.
        """

    @abstractmethod
    def close(self) -> None:
        """Free what the file takes. Pages cannot be rendered any more."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
