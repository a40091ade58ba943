"""What is let in: bounded by requests, images, memory and time, refused at once and never queued without end."""

from __future__ import annotations

import asyncio
import math
import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from service.engine.batching.fairness import LIGHT
from service.errors import MemoryExhaustedError, OverloadedError, TooManyImagesError
from service.settings import BODY_COPIES, BYTES_PER_PIXEL

RESERVE = 4
"""One place for light images on top of every so many."""
PAGES = 2
"""Of so many places pages of documents take one, and as much of the memory: the others are for whoever comes by."""
CALLERS = 2
"""One place for a document on top of every so many, for callers who have none: nobody keeps all others out."""
NOTICE = 0.2
"""Seconds within which a page that waits for its place notices that nobody waits for it."""
ANSWERS = 8
"""Of the memory as much again for answers whose clients take their time to read them: 256 MiB of 2 GiB."""
ARRIVING = 4
"""Uploads under way for every place of a request. They hold only what has arrived, and a connection."""


class Place:
    """An image's place inside, given back once."""

    def __init__(self, release: Callable[[int], None], nbytes: int) -> None:
        self._release: Callable[[int], None] | None = release
        self._bytes = nbytes

    def release(self) -> None:
        """Give the place back; a second time does nothing."""
        release, self._release = self._release, None
        if release:
            release(self._bytes)


class Arrival:
    """A request whose body is on its way: it takes memory as that arrives, and a place once it is whole."""

    def __init__(self, admission: Admission, give_up: Callable[[], None]) -> None:
        self._admission = admission
        self.give_up = give_up
        self.nbytes = 0
        self.whole = False

    def grow(self, nbytes: int) -> None:
        """Note that so many bytes have arrived.

        Raises:
            MemoryExhaustedError: there is no memory for them.
        """
        self._admission.note(self, nbytes)

    def complete(self) -> None:
        """Take a place among the requests inside.

        Raises:
            OverloadedError: there are as many as there may be.
        """
        self._admission.seat(self)


class Admission:
    """Counts what is inside. Requests come and go on the event loop, places are given back from any thread.

    Args:
        max_requests: requests inside whose bodies are whole.
        max_images: images that wait or are worked on, and a quarter more where they are light.
        max_bytes: memory for bodies, as they arrive, and decoded images, as predicted from their headers.
        max_body: bytes of the largest body that may come.
        max_documents: requests that are read page by page, and half as many more from callers who have none.
        backlog: seconds until all that is inside will be done.
    """

    def __init__(
        self,
        *,
        max_requests: int,
        max_images: int,
        max_bytes: int,
        max_body: int,
        max_documents: int,
        backlog: Callable[[], float],
    ) -> None:
        self._max_requests = max_requests
        self._max_images = max_images
        self._max_bytes = max_bytes
        self._max_body = max_body
        self._max_documents = max_documents
        self._backlog = backlog
        self._lock = threading.Lock()
        self._freed = threading.Condition(self._lock)
        self._requests = 0
        self._arriving: OrderedDict[Arrival, None] = OrderedDict()
        """The one that was silent for longest first."""
        self._inside = 0
        self._images = 0
        self._bytes = 0
        self._documents: Counter[str] = Counter()
        self._answers = 0
        self._pages = 0
        self._page_bytes = 0
        self._waiting: deque[object] = deque()
        """Pages of documents whose turn has come, the first one first."""
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def images(self) -> int:
        """Images inside."""
        return self._images

    @property
    def max_images(self) -> int:
        """The most images that there can be inside, the light ones among them."""
        return self._max_images + self._max_images // RESERVE

    async def empty(self) -> None:
        """Wait until no request is inside."""
        await self._empty.wait()

    def retry_after(self) -> int:
        """Return the whole seconds, at least 1, until what is inside will be done."""
        return max(1, math.ceil(self._backlog()))

    @contextmanager
    def request(self, declared: int | None, give_up: Callable[[], None]) -> Iterator[Arrival]:
        """Let in a request while this lasts.

        Args:
            declared: bytes of its body, if it says so.
            give_up: ends its upload, if others need the room and nothing came of it for longest.

        Raises:
            OverloadedError: as many are inside as may be, or the memory left would not hold the body.
        """
        self._require_place()
        nbytes = BODY_COPIES * min(self._max_body, declared or 0)
        self._take(0, nbytes, self.max_images)
        self._give_back(0, nbytes)
        arrival = Arrival(self, give_up)
        self._arrive(arrival)
        self._inside += 1
        self._empty.clear()
        try:
            yield arrival
        finally:
            self._arriving.pop(arrival, None)
            self._requests -= arrival.whole
            self._give_back(0, arrival.nbytes)
            self._inside -= 1
            if not self._inside:
                self._empty.set()

    def note(self, arrival: Arrival, nbytes: int) -> None:
        """Count bytes that have arrived; `Arrival.grow`."""
        taken = BODY_COPIES * nbytes
        self._take(0, taken, self.max_images)
        arrival.nbytes += taken
        if arrival in self._arriving:
            self._arriving.move_to_end(arrival)

    def seat(self, arrival: Arrival) -> None:
        """Give a place to a request that has arrived; `Arrival.complete`."""
        self._require_place()
        self._arriving.pop(arrival, None)
        self._requests += 1
        arrival.whole = True

    def _arrive(self, arrival: Arrival) -> None:
        if len(self._arriving) >= ARRIVING * self._max_requests:
            silent, _ = self._arriving.popitem(last=False)
            silent.give_up()
        self._arriving[arrival] = None

    def _require_place(self) -> None:
        if self._requests >= self._max_requests:
            raise OverloadedError("too many requests at a time", retry_after=self.retry_after())

    def places(self, images: Sequence[tuple[int, float]]) -> list[Place]:
        """Return a place for every image of a request, given their pixels and expected costs; all or none.

        Raises:
            OverloadedError: there are not so many places now, or not so much memory.
            TooManyImagesError: there never is so much memory.
        """
        sizes = [pixels * BYTES_PER_PIXEL for pixels, _ in images]
        if sum(sizes) > self._max_bytes - BODY_COPIES * self._max_body:
            raise TooManyImagesError("the images of this request together are too large; send them one by one")
        light = sum(cost for _, cost in images) < LIGHT
        self._take(len(sizes), sum(sizes), self.max_images if light else self._max_images)
        return [Place(lambda nbytes: self._give_back(1, nbytes), size) for size in sizes]

    @contextmanager
    def document(self, caller: str) -> Iterator[None]:
        """Let a request be read page by page while this lasts.

        Raises:
            OverloadedError: as many are as may be, or as may be while this caller has others.
        """
        kept = 0 if self._documents[caller] else self._max_documents // CALLERS
        if self._documents.total() >= self._max_documents + kept:
            raise OverloadedError("too many documents at a time", retry_after=self.retry_after())
        self._documents[caller] += 1
        try:
            yield
        finally:
            self._documents[caller] -= 1
            self._documents = +self._documents  # without those who have none

    @contextmanager
    def answer(self, nbytes: int) -> Iterator[bool]:
        """Count an answer of so many bytes, which has no place inside any more, among those that are read slowly.

        Gives whether there is memory for it, so that its client may take its time.
        """
        patient = self._answers + nbytes <= self._max_bytes // ANSWERS
        self._answers += nbytes * patient
        try:
            yield patient
        finally:
            self._answers -= nbytes * patient

    def page(self, nbytes: int, check: Callable[[], None] | None = None) -> Place:
        """Return a place for a page of a document; blocks until there is one.

        Pages take half of the places and of the memory at most, or one of any size, and are let in as they came.

        Args:
            nbytes: memory that it takes.
            check: called while waiting; what it raises ends the wait. None: do not wait.

        Raises:
            OverloadedError: there is no place now, and it is not to be waited for.
        """
        if check is None:
            self._take(1, nbytes, self._max_images)
            with self._lock:
                self._count_page(1, nbytes)
            return Place(self._give_back_page, nbytes)
        turn = object()
        with self._freed:
            self._waiting.append(turn)
            try:
                while self._waiting[0] is not turn or not self._has_room(nbytes):
                    check()
                    self._freed.wait(NOTICE)
                self._images += 1
                self._bytes += nbytes
                self._count_page(1, nbytes)
            finally:
                self._waiting.remove(turn)
                self._freed.notify_all()
        return Place(self._give_back_page, nbytes)

    def _has_room(self, nbytes: int) -> bool:
        """Tell whether a page of a document fits in, beside other pages and beside all else."""
        few = self._pages < max(1, self._max_images // PAGES)
        small = not self._pages or self._page_bytes + nbytes <= self._max_bytes // PAGES
        return few and small and self._images < self._max_images and self._bytes + nbytes <= self._max_bytes

    def _count_page(self, sign: int, nbytes: int) -> None:
        self._pages += sign
        self._page_bytes += sign * nbytes

    def _give_back_page(self, nbytes: int) -> None:
        with self._lock:
            self._count_page(-1, nbytes)
        self._give_back(1, nbytes)

    def _take(self, images: int, nbytes: int, max_images: int) -> None:
        with self._lock:
            # The next place that is free is that of the page that waits for one, or it would wait for ever.
            max_images -= bool(self._waiting) and self._pages < max(1, self._max_images // PAGES)
            full = bool(images) and self._images + images > max_images
            if not full and self._bytes + nbytes <= self._max_bytes:
                self._images += images
                self._bytes += nbytes
                return
        if full:
            raise OverloadedError("the queue is full", retry_after=self.retry_after())
        raise MemoryExhaustedError("the images inside take all the memory", retry_after=self.retry_after())

    def _give_back(self, images: int, nbytes: int) -> None:
        with self._lock:
            self._images -= images
            self._bytes -= nbytes
            self._freed.notify_all()
