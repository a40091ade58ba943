"""Several processes by `torchrun`, or one without it."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
import torch.distributed as dist


@dataclass(frozen=True, slots=True)
class World:
    """This process among `size` others. `local` numbers the processes of one machine."""

    rank: int = 0
    size: int = 1
    local: int = 0

    @property
    def leads(self) -> bool:
        """Whether this process writes files and judges the model."""
        return self.rank == 0

    @classmethod
    def join(cls, device: str) -> World:
        """Join the group that torchrun's environment names; a world of one where there is none."""
        if "WORLD_SIZE" not in os.environ:
            return cls()
        world = cls(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]), int(os.environ["LOCAL_RANK"]))
        if device == "cuda":
            torch.cuda.set_device(world.local)
        dist.init_process_group("nccl" if device == "cuda" else "gloo")
        return world

    def any(self, flag: bool, device: torch.device) -> bool:
        """Whether `flag` is set in any process: all of them must agree when to stop."""
        if self.size == 1:
            return flag
        votes = torch.tensor([float(flag)], device=device)
        dist.all_reduce(votes, op=dist.ReduceOp.MAX)
        return bool(votes.item())

    def wait(self) -> None:
        """Return when every process is here."""
        if self.size > 1:
            dist.barrier()

    def leave(self) -> None:
        """Leave the group."""
        if self.size > 1:
            dist.destroy_process_group()
