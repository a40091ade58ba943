"""One page of a document, drawn and read in a thread of its own."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

from ocr_core.errors import ImageError
from ocr_core.pages.document import Check, SourcePage
from ocr_core.pages.preview import encode_preview
from ocr_core.pipeline.documents import TextLayer, read_page
from ocr_core.pipeline.result import ReadOptions
from ocr_core.preprocess import Pixels
from service.engine.batching.runner import ScheduledRunner
from service.engine.batching.scheduler import Scheduler
from service.engine.image_job import Reading
from service.engine.models.loaded import Loaded
from service.engine.ticket import Ticket
from service.observe.tracing import span


@dataclass(frozen=True, kw_only=True, slots=True)
class PageJob:
    """What a thread needs to read one page."""

    source: SourcePage
    options: ReadOptions
    text_layer: TextLayer
    preview: bool
    model: Loaded
    scheduler: Scheduler
    ticket: Ticket
    queued: float = field(default_factory=time.perf_counter)
    """When the page was handed in, in seconds of `time.perf_counter`."""

    def run(self) -> Reading:
        """Draw and read the page; blocks.

        Raises:
            ImageError: it cannot be drawn.
            BackendError: a network failed.
            ServiceError: nobody waits for it any more, or its deadline has passed.
        """
        self.ticket.check()
        begun = time.perf_counter()
        drawn = 0.0
        preview: bytes | None = None

        def render(check: Check | None) -> Pixels:
            nonlocal drawn, preview
            start = time.perf_counter()
            with span("decode"):
                pixels = self.source.render(check)
            if self.preview:
                preview = encode_preview(pixels)
            drawn = time.perf_counter() - start
            self.ticket.check()
            return pixels

        runner = ScheduledRunner(self.model.stages, self.scheduler, self.ticket)
        read = partial(self.model.reader.read, runner=runner)
        page = read_page(
            read, replace(self.source, render=render), self.options, self.text_layer, check=self.ticket.check
        )
        runner.teach()
        if self.preview and preview is None:
            with suppress(ImageError):  # its text was had without drawing it
                render(self.ticket.check)
        return replace(Reading.of(page, runner, queued=begun - self.queued, decode=drawn), preview=preview)
