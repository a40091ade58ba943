"""CTC and the framewise cross-entropy that helps it start (PP-OCRv2, eq. 5; facts 6.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

BLANK = 0
IGNORE = -1


def ctc_loss(logits: Tensor, labels: Tensor, label_lengths: Tensor) -> Tensor:
    """Return the mean over the batch of -ln p(label | logits), not divided by the label's length (eq. 5).

    logits: N x T x C, class 0 the blank. labels: N x L, padded with 0. label_lengths: N, on the CPU: CTC reads them
    there before it starts, and would wait for a GPU to give them.
    All T frames count, so that padding learns to be blank. A line that cannot fit its frames (T < L + repeats)
    counts 0 and gives no gradient.
    """
    batch, frames, _ = logits.shape
    log_probs = logits.float().log_softmax(2).transpose(0, 1)
    lengths = torch.full((batch,), frames, dtype=torch.long)
    losses = nn.functional.ctc_loss(
        log_probs, labels, lengths, label_lengths.cpu(), blank=BLANK, reduction="none", zero_infinity=True
    )
    return losses.mean()


def framewise_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the mean cross-entropy of the frames whose class is known; 0 if none is.

    A rendered line knows where each glyph stands. CTC alone spends its first epochs finding that out; this term
    tells it, and is faded out by its weight. logits: N x T x C. targets: N x T class indices, -1 where unknown.
    """
    known = targets != IGNORE
    losses = nn.functional.cross_entropy(
        logits.float().flatten(0, 1), targets.flatten(), ignore_index=IGNORE, reduction="sum"
    )
    return losses / known.sum().clamp(min=1)
