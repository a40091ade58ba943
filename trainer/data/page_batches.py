"""Batches of page views with their targets for the detector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.config import DetectorData
from trainer.data.copy_paste import copy_paste
from trainer.data.db_targets import db_targets
from trainer.data.lines import LEFT_OUT, shares
from trainer.data.mix import Mix
from trainer.data.page_sources import Pages
from trainer.data.pages import PageSample, cut_view
from trainer.render.draws import pick, sample_rng, whole

Batch = dict[str, NDArray[np.generic]]


PASTE_SEED = 2**60
"""What is pasted is drawn apart from how views are cut, so that runs with and without it see the same views."""


class PageGroups:
    """Group g of the training stream: `group` batches of views.

    Text is pasted from any other page of the same source or, where pages are drawn without end, of the same group.
    """

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
        found = {position: self._page(position) for position in range(number * count, (number + 1) * count)}
        pages = {position: page for position, page in found.items() if page is not None}
        donors = {position: self._donor(position, pages) for position in pages} if data.copy_paste else {}
        rng = sample_rng(self.seed, number)
        order = rng.permutation(np.repeat(list(pages), data.views))[: data.batch * data.group]
        seeds = rng.integers(2**63, size=len(order))
        views = [
            self._view(pages[int(position)], donors.get(int(position)), int(seed))
            for position, seed in zip(order, seeds, strict=True)
        ]
        batches = [
            collate(part, data.min_text, self.teacher_maps, data.least_core) for part in shares(views, data.group)
        ]
        batches[0][LEFT_OUT] = np.array(count - len(pages))
        return batches

    def _page(self, position: int) -> PageSample | None:
        source, index = self.mix.locate(position)
        return self.sources[source].page(index)

    def _donor(self, position: int, pages: Mapping[int, PageSample]) -> PageSample | None:
        """Return another page of the source of the page at `position`, if there is one; `pages`: those of its group."""
        rng = sample_rng(self.seed + PASTE_SEED, position)
        source, index = self.mix.locate(position)
        size = self.sources[source].size
        if size is None:
            others = [page for other, page in pages.items() if other != position]
            return pick(rng, others) if others else None
        return self.sources[source].page((index + whole(rng, 1, size - 1)) % size) if size > 1 else None

    def _view(self, page: PageSample, donor: PageSample | None, seed: int) -> PageSample:
        own = len(page.polygons)
        if donor is not None:
            page = copy_paste(page, donor, self.data.copy_paste, sample_rng(self.seed + PASTE_SEED, seed))
        return cut_view(page, self.data, sample_rng(self.seed, seed), pasted=len(page.polygons) - own)


def collate(views: Sequence[PageSample], min_text: float, teacher_maps: bool, least_core: float = 0.0) -> Batch:
    """Stack views of one size with their targets.

    Returns:
        images N×S×S×3 uint8; shrink_map, shrink_mask and threshold_mask N×S×S uint8; threshold_map N×S×S float16;
        with `teacher_maps` also teacher_map N×S×S uint8, probabilities times 255.
    """
    targets = [db_targets(view.polygons, view.ignore, view.pixels.shape[:2], min_text, least_core) for view in views]
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
