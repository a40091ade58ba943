"""`python -m trainer`."""

from __future__ import annotations

import os
import signal
import sys

# Read when torch is imported. By default idle OpenMP threads spin: where others want the cores too, and the workers of
# a run do, a step then takes many times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from trainer.commands.cli import main

# As an exception, so that what a command wrote aside is removed. Told by SIGTERM, training goes on to the end of its
# step instead. What is ignored, as by nohup, stays so.
for ending in ("SIGTERM", "SIGHUP"):  # the second is that of a terminal that is closed, and Windows has none
    if (number := getattr(signal, ending, None)) and signal.getsignal(number) is signal.SIG_DFL:
        signal.signal(number, lambda number, _: sys.exit(128 + number))
sys.exit(main())
