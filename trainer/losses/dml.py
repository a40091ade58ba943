"""Deep mutual learning of two detectors (PP-OCRv2, eq. 2; facts 3.4)."""

from __future__ import annotations

from torch import Tensor

EPS = 1e-5


def mutual_map_loss(p: Tensor, q: Tensor) -> Tensor:
    """Return (KL(p || q) + KL(q || p)) / 2 of two probability maps N x H x W, the mean over all pixels.

    As released, KL counts the outcome "text" alone, q ln(q / p) without (1 - q) ln((1 - q) / (1 - p)), and no mask
    applies. Gradients reach both maps.
    """
    p, q = p.float(), q.float()
    forward = q * ((q + EPS) / (p + EPS) + EPS).log()
    backward = p * ((p + EPS) / (q + EPS) + EPS).log()
    return (forward + backward).mean() / 2
