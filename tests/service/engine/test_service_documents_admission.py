"""Places of pages of documents: half of all, in order, and none lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack

import pytest
from service_fakes import PATIENCE, until

from service.engine.admission import Admission, Place
from service.engine.ticket import Ticket
from service.errors import ClientGoneError, OverloadedError


def admission(max_images: int = 4, max_bytes: int = 1000, max_documents: int = 1) -> Admission:
    return Admission(
        max_requests=9,
        max_images=max_images,
        max_bytes=max_bytes,
        max_body=10,
        max_documents=max_documents,
        backlog=lambda: 0.0,
    )


def never() -> None:
    pass


def waiting(inside: Admission, nbytes: int, check: Callable[[], None] = never) -> tuple[threading.Thread, list[object]]:
    """Ask for the place of a page in a thread, and return when it waits; the list gets what became of it."""
    found: list[object] = []

    def ask() -> None:
        try:
            found.append(inside.page(nbytes, check))
        except Exception as error:
            found.append(error)

    before = len(inside._waiting)
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    until(lambda: len(inside._waiting) > before or found)
    return thread, found


def test_pages_take_half_of_the_places_and_images_the_others() -> None:
    inside = admission()
    first, _ = inside.page(1, never), inside.page(1, never)
    thread, found = waiting(inside, 1)
    assert not found
    assert len(inside.places([(1, 1.0), (1, 1.0)])) == 2
    first.release()
    thread.join(PATIENCE)
    assert isinstance(found[0], Place)


def test_pages_take_half_of_the_memory_or_are_alone() -> None:
    inside = admission()
    large = inside.page(900, never)
    thread, found = waiting(inside, 10)
    assert not found
    large.release()
    thread.join(PATIENCE)
    assert isinstance(found[0], Place)
    assert inside._bytes == 10


def test_the_next_free_place_is_that_of_the_page_that_waits() -> None:
    inside = admission(max_images=2)
    images = inside.places([(0, 1.0), (0, 1.0)])
    thread, found = waiting(inside, 1)
    with inside._lock:  # the page cannot take its place before the image asks
        inside._images -= 1
    with pytest.raises(OverloadedError):
        inside.places([(0, 1.0)])
    with inside._lock:
        inside._images += 1
    images[0].release()
    thread.join(PATIENCE)
    assert isinstance(found[0], Place)


def test_who_does_not_wait_is_refused() -> None:
    inside = admission(max_images=1)
    place = inside.page(1)
    with pytest.raises(OverloadedError):
        inside.page(1)
    place.release()
    inside.page(1).release()
    assert (inside._images, inside._bytes, inside._pages, inside._page_bytes) == (0, 0, 0, 0)


def test_a_page_that_nobody_waits_for_leaves_the_line() -> None:
    inside = admission(max_images=1)
    place = inside.page(1)
    ticket = Ticket(float("inf"))
    thread, found = waiting(inside, 1, ticket.part(1e9).check)
    ticket.cancel()
    thread.join(PATIENCE)
    assert isinstance(found[0], ClientGoneError)
    assert not inside._waiting
    place.release()


def test_documents_are_counted() -> None:
    inside = admission()
    for other in ("a", "b"):
        with inside.document("a"), pytest.raises(OverloadedError), inside.document(other):
            pass
    with inside.document("a"):
        pass


def test_who_has_no_document_inside_gets_past_one_who_fills_all_places() -> None:
    inside = admission(max_documents=2)
    with ExitStack() as documents:
        for _ in range(2):
            first = documents.enter_context(ExitStack())
            first.enter_context(inside.document("a"))
        with pytest.raises(OverloadedError), inside.document("a"):
            pass
        documents.enter_context(inside.document("b"))
        for full in ("a", "b", "c"):
            with pytest.raises(OverloadedError), inside.document(full):
                pass
        first.close()
        with pytest.raises(OverloadedError), inside.document("a"):  # its place went to b
            pass
        documents.enter_context(inside.document("c"))
    assert not inside._documents


def test_a_part_of_a_request_is_over_with_it_or_before_it() -> None:
    now = [0.0]
    whole = Ticket(10.0, clock=lambda: now[0])
    part, last = whole.part(5.0), whole.part(50.0)
    assert (part.remaining(), last.remaining()) == (5.0, 10.0)
    now[0] = 6.0
    assert part.over() is not None
    assert last.over() is None
    whole.cancel()
    with pytest.raises(ClientGoneError):
        last.check()
