"""One image of a request, decoded and read in a thread of its own."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from ocr_core.pages import images
from ocr_core.pipeline.result import Page, ReadOptions
from service.engine.batching.runner import ScheduledRunner
from service.engine.batching.scheduler import Scheduler
from service.engine.models.loaded import Loaded
from service.engine.ticket import Ticket
from service.observe.tracing import span


@dataclass(frozen=True, slots=True)
class Reading:
    """An image that was read, and the seconds that it spent in each stage."""

    page: Page
    seconds: dict[str, float]
    preview: bytes | None = None
    """The page as a small JPEG, where that was asked for."""

    @classmethod
    def of(cls, page: Page, runner: ScheduledRunner, *, queued: float, decode: float) -> Reading:
        """Tell waiting from computing: `page` says how long each stage took, `runner` for how long it waited in it.

        Args:
            page: as it was read by `runner`.
            runner: of this image alone.
            queued: seconds before the image's turn came.
            decode: seconds of decoding or drawing.
        """
        waited = runner.waited
        stages = {stage: seconds - waited.get(stage, 0.0) for stage, seconds in page.seconds.items()}
        return cls(page, {"queue": queued + sum(waited.values()), "decode": decode, **stages})


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageJob:
    """What a thread needs to read one image."""

    data: bytes
    """The file, as it was uploaded."""
    options: ReadOptions
    max_pixels: int
    model: Loaded
    scheduler: Scheduler
    ticket: Ticket
    """The request that the image belongs to."""
    queued: float = field(default_factory=time.perf_counter)
    """When the image was handed in, in seconds of `time.perf_counter`."""

    def run(self) -> Reading:
        """Decode and read the image; blocks.

        Raises:
            ImageError: it cannot be decoded.
            BackendError: a network failed.
            ServiceError: nobody waits for it any more, or its deadline has passed.
        """
        self.ticket.check()
        begun = time.perf_counter()
        with span("decode"):
            image = images.decode(self.data, max_pixels=self.max_pixels, check=self.ticket.check)
        decoded = time.perf_counter()
        self.ticket.check()
        runner = ScheduledRunner(self.model.stages, self.scheduler, self.ticket)
        page = self.model.reader.read(image.pixels, self.options, runner=runner)
        runner.teach()
        return Reading.of(page, runner, queued=begun - self.queued, decode=decoded - begun)
