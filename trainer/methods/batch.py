"""What a method takes and gives. Images are N x 3 x H x W float32, normalised."""

from __future__ import annotations

from typing import TypedDict

from torch import Tensor
from typing_extensions import NotRequired

Losses = dict[str, Tensor]
"""Weighted terms of the loss by name; their sum is trained."""


class DetectionBatch(TypedDict):
    """Pages and their maps, N x H x W float32."""

    images: Tensor
    shrink_map: Tensor
    """1 in the shrunken kernel of each text."""
    shrink_mask: Tensor
    """0 where the truth is unknown."""
    threshold_map: Tensor
    """0.3 to 0.7 towards the border of each text."""
    threshold_mask: Tensor
    """1 near the border of a text."""
    teacher_map: NotRequired[Tensor]
    """A teacher's probability map, where it was computed before."""


class RecognitionBatch(TypedDict):
    """Lines and their texts."""

    images: Tensor
    labels: Tensor
    """N x L int64 class indices, padded with 0."""
    lengths: Tensor
    """N int64 on the CPU, how many of each line's labels count."""
    targets: NotRequired[Tensor]
    """N x T int64, the class of each frame that a renderer knows, -1 elsewhere."""
