"""The commands of `python -m trainer`."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from trainer.errors import Interrupted, TrainerError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0, 75 after SIGTERM, 78 for a wrong configuration."""
    args = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        args.run_command(args)
    except (TrainerError, Interrupted) as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m trainer", description="Trains and publishes OCR models.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    train = commands.add_parser("train", help="train a network, or go on with a run that was stopped")
    _configured(train)
    train.add_argument("--run", type=Path, help="folder of the run (default: runs/NAME)")
    train.add_argument("--init", type=Path, help="state of an earlier run to start from")
    train.set_defaults(run_command=_train)
    preview = commands.add_parser("preview", help="draw a contact sheet of what training sees, with its targets")
    _configured(preview)
    preview.add_argument("--out", type=Path, default=Path("preview.png"), help="PNG to write")
    preview.add_argument("--count", type=int, default=48, help="samples to show")
    preview.set_defaults(run_command=_preview)
    return parser


def _configured(command: argparse.ArgumentParser) -> None:
    command.add_argument("config", type=Path, help="TOML file; its options are described in trainer/config")
    command.add_argument("--data", type=Path, default=Path(), help="folder that the configuration's paths start from")
    command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override an option")


def _preview(args: argparse.Namespace) -> None:
    from trainer.config import load_config
    from trainer.preview import write_preview

    write_preview(load_config(args.config, args.set), args.data, args.out, args.count)


def _train(args: argparse.Namespace) -> None:
    from trainer.config import load_config
    from trainer.train import train

    config = load_config(args.config, args.set)
    train(config, args.run or Path("runs") / config.name, args.data, args.init)
