"""What is let in: bounded by requests, images, memory and time, refused at once and never queued without end."""

from __future__ import annotations

import asyncio
import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from service.engine.batching.fairness import LIGHT
from service.errors import MemoryExhaustedError, OverloadedError, TooManyImagesError
from service.settings import BODY_COPIES, BYTES_PER_PIXEL

RESERVE = 4
"""One place for light images on top of every so many."""
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
        backlog: seconds until all that is inside will be done.
    """

    def __init__(
        self, *, max_requests: int, max_images: int, max_bytes: int, max_body: int, backlog: Callable[[], float]
    ) -> None:
        self._max_requests = max_requests
        self._max_images = max_images
        self._max_bytes = max_bytes
        self._max_body = max_body
        self._backlog = backlog
        self._lock = threading.Lock()
        self._requests = 0
        self._arriving: OrderedDict[Arrival, None] = OrderedDict()
        """The one that was silent for longest first."""
        self._inside = 0
        self._images = 0
        self._bytes = 0
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

    def _take(self, images: int, nbytes: int, max_images: int) -> None:
        with self._lock:
            full = self._images + images > max_images
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
