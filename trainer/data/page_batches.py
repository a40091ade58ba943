"""Batches of page views with their targets for the detector."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.config import DetectorData
from trainer.data.copy_paste import copy_paste
from trainer.data.db_targets import db_targets
from trainer.data.lines import LEFT_OUT, shares
from trainer.data.mix import Mix
from trainer.data.page_sources import Pages
from trainer.data.pages import PageSample, cut_view
from trainer.render.draws import sample_rng, whole

Batch = dict[str, NDArray[np.generic]]


class PageGroups:
    """Group g of the training stream: `group` batches of views; text is pasted from other pages of the same group."""

    def __init__(
        self, sources: Sequence[Pages], weights: Sequence[float], data: DetectorData, seed: int, teacher_maps: bool
    ) -> None:
        """With `teacher_maps` the maps of a teacher, or the truth where there is none, come with each batch."""
        self.sources = sources
        self.teacher_maps = teacher_maps
        self.mix = Mix(weights, [source.size for source in sources], seed)
        self.data = data
        self.seed = seed

    def __getitem__(self, number: int) -> list[Batch]:
        """Return the batches of group `number`: always as many, of fewer views where pages cannot be read.

        Raises:
            ConfigError: not one page of the group can be read.
        """
        data = self.data
        count = max(1, data.batch * data.group // data.views)
        found = (self._page(position) for position in range(number * count, (number + 1) * count))
        pages = [page for page in found if page is not None]
        rng = sample_rng(self.seed, number)
        order = rng.permutation(len(pages) * data.views)[: data.batch * data.group]
        views = [self._view(pages, int(place) // data.views, rng) for place in order]
        batches = [collate(part, data.min_text, self.teacher_maps) for part in shares(views, data.group)]
        batches[0][LEFT_OUT] = np.array(count - len(pages))
        return batches

    def _page(self, position: int) -> PageSample | None:
        source, index = self.mix.locate(position)
        return self.sources[source].page(index)

    def _view(self, pages: Sequence[PageSample], number: int, rng: np.random.Generator) -> PageSample:
        page = pages[number]
        if self.data.copy_paste and len(pages) > 1:
            donor = pages[(number + whole(rng, 1, len(pages) - 1)) % len(pages)]
            page = copy_paste(page, donor, self.data.copy_paste, rng)
        return cut_view(page, self.data, rng)


def collate(views: Sequence[PageSample], min_text: float, teacher_maps: bool) -> Batch:
    """Stack views of one size with their targets.

    Returns:
        images N×S×S×3 uint8; shrink_map, shrink_mask and threshold_mask N×S×S uint8; threshold_map N×S×S float16;
        with `teacher_maps` also teacher_map N×S×S uint8, probabilities times 255.
    """
    targets = [db_targets(view.polygons, view.ignore, view.pixels.shape[:2], min_text) for view in views]
    batch: Batch = {
        "images": np.stack([view.pixels for view in views]),
        "shrink_map": np.stack([target.shrink_map for target in targets]),
        "shrink_mask": np.stack([target.shrink_mask for target in targets]),
        "threshold_map": np.stack([target.threshold_map.astype(np.float16) for target in targets]),
        "threshold_mask": np.stack([target.threshold_mask for target in targets]),
    }
    if teacher_maps:
        truth = [target.shrink_map * np.uint8(255) for target in targets]
        batch["teacher_map"] = np.stack(
            [t if v.teacher is None else v.teacher for v, t in zip(views, truth, strict=True)]
        )
    return batch
