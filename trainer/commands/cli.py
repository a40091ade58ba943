"""The commands of `python -m trainer`."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ocr_core.errors import OcrError
from trainer.commands import actions
from trainer.errors import EX_CONFIG, Interrupted, TrainerError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0, 75 after SIGTERM, 78 for a wrong configuration, 79 at the gate."""
    args = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        args.run_command(args)
    except (TrainerError, Interrupted) as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except OcrError as error:
        print(error, file=sys.stderr)
        return EX_CONFIG
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m trainer", description="Trains and publishes OCR models.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_training(commands)
    _add_publishing(commands)
    _add_data(commands)
    options = _command(commands, "options", actions.run_options, "describe every option of a configuration")
    options.add_argument("kind", choices=("classifier", "detector", "recognizer", "language", "publish", "quantize"))
    smoke = _command(
        commands, "smoke", actions.run_smoke, "train, publish and serve tiny models, to see that everything works"
    )
    smoke.add_argument("--work", type=Path, help="folder to work in (default: a temporary one)")
    smoke.add_argument("--seed", type=int, default=0, help="other random numbers: added to the configurations' seeds")
    return parser


def _add_training(commands: Any) -> None:
    train = _command(commands, "train", actions.run_train, "train a network, or go on with a run that was stopped")
    _configured(train)
    # torchrun takes `--run` for an abbreviation of an option of its own.
    train.add_argument("--out", "--run", dest="run", type=Path, help="folder of the run (default: runs/NAME)")
    train.add_argument("--init", type=Path, help="state of an earlier run to start the student from")
    train.add_argument("--fresh", action="append", default=[], metavar="PREFIX", help="tensors that --init may lack")
    train.add_argument("--init-backbone", type=Path, help="state whose backbone student and peer start from")
    train.add_argument("--init-peer", type=Path, help="state that the peer starts from")

    pack = _command(
        commands, "pack", actions.run_pack, "gather all that a run reads into one folder, for a machine without network"
    )
    _configured(pack)
    pack.add_argument("--out", type=Path, required=True, help="folder to write")
    pack.add_argument("--init", type=Path, help="state to start from")
    pack.add_argument("--wheels", type=Path, help="folder of Python packages that are missing there")
    pack.add_argument("--fonts", type=int, default=400, help="faces to take along")
    pack.add_argument("--lines", type=int, default=1000, help="lines of each labelled set")
    pack.add_argument("--pages", type=int, default=200, help="pages of each labelled set")
    pack.add_argument("--megabytes", type=float, default=60.0, help="of the whole folder at most")

    preview = _command(
        commands, "preview", actions.run_preview, "draw a contact sheet of what training sees, with its targets"
    )
    _configured(preview)
    preview.add_argument("--out", type=Path, default=Path("preview.png"), help="PNG to write")
    preview.add_argument("--count", type=int, default=48, help="samples to show")

    check = _command(commands, "check-data", actions.run_check_data, "report on the labelled data of a configuration")
    _configured(check)

    centers = _command(commands, "centers", actions.run_centers, "collect the class centers that Enhanced CTC needs")
    _configured(centers)
    centers.add_argument("--state", type=Path, required=True, help="state of a recognizer trained with plain CTC")
    centers.add_argument("--out", type=Path, required=True, help="file to write")
    centers.add_argument("--batches", type=int, default=500, help="batches of training lines to read")

    validate = _command(commands, "validate", actions.run_validate, "judge states by a configuration's validation rows")
    _configured(validate)
    validate.add_argument("--states", type=Path, nargs="+", required=True, help="files to judge")

    average = _command(commands, "average", actions.run_average, "write the mean of states that come from one start")
    average.add_argument("states", type=Path, nargs="+", help="two or more; the last gives configuration and classes")
    average.add_argument("--weights", type=float, nargs="+", default=(), help="of the states (default: all alike)")
    average.add_argument("--out", type=Path, required=True, help="file to write")
    average.add_argument("--count", type=Path, metavar="CONFIG", help="count batch norm anew, over its training data")
    average.add_argument("--data", type=Path, default=Path(), help="folder that the paths of --count start from")
    average.add_argument("--batches", type=int, default=40, help="to count; default 40")

    language = _command(
        commands, "language", actions.run_language, "count the language model that settles doubtful words"
    )
    _configured(language)
    language.add_argument("--out", type=Path, required=True, help="file to write (.npz)")


def _add_publishing(commands: Any) -> None:
    export = _command(
        commands, "export", actions.run_export, "write the network of a state as ONNX, compared with torch"
    )
    export.add_argument("state", type=Path)
    export.add_argument("--out", type=Path, required=True, help="ONNX file to write")

    net = _command(
        commands, "export-net", actions.run_export_net, "write a network of the paper, untrained, as ONNX to be timed"
    )
    net.add_argument("name", help="of the network; a wrong one is answered by the list of all")
    net.add_argument("--out", type=Path, required=True, help="ONNX file to write")

    publish = _command(commands, "publish", actions.run_publish, "publish a bundle to the store, if it is good enough")
    _configured(publish)
    publish.add_argument("--store", required=True, help="folder or URL of the store")
    publish.add_argument("--runs", type=Path, default=Path(), help="folder that the states' paths start from")
    publish.add_argument("--force", action="store_true", help="publish even if it is not good enough")

    quantize = _command(
        commands, "quantize", actions.run_quantize, "publish a bundle of 8-bit integers made from one of floats"
    )
    _configured(quantize)
    quantize.add_argument("--store", required=True, help="folder or URL of the store")
    quantize.add_argument("--force", action="store_true", help="publish even if it is not good enough")

    widths = _command(
        commands, "widths", actions.run_widths, "publish a bundle anew, with other input widths of its recognizer"
    )
    widths.add_argument("bundle", metavar="NAME[@VERSION]")
    widths.add_argument("widths", type=int, nargs="+", metavar="PIXELS", help="to which lines are padded, ascending")
    widths.add_argument("--store", required=True, help="folder or URL of the store")


def _add_data(commands: Any) -> None:
    label = _command(
        commands, "label", actions.run_label, "label images by a bundle of the store, or write its detector's maps"
    )
    label.add_argument("images", type=Path, help="folder of images; with --maps a set with labels.jsonl")
    label.add_argument("--store", required=True, help="folder or URL of the store")
    label.add_argument("--bundle", required=True, metavar="NAME[@VERSION]", help="the teacher")
    label.add_argument("--out", type=Path, required=True, help="folder to write")
    label.add_argument("--crops", action="store_true", help="each image is one line")
    label.add_argument("--maps", action="store_true", help="write the detector's maps instead of labels")
    label.add_argument("--min-confidence", type=_share, default=0.9, help="of a line that is taken as a label")

    relabel = _command(
        commands,
        "relabel",
        actions.run_relabel,
        "correct the case and signs of a set's labels, and add words or join them, by a bundle",
    )
    relabel.add_argument("images", type=Path, help="a set of pages, or of single lines, with labels.jsonl")
    relabel.add_argument("--store", required=True, help="folder or URL of the store")
    relabel.add_argument("--bundle", required=True, metavar="NAME[@VERSION]", help="the teacher")
    relabel.add_argument("--out", type=Path, required=True, help="folder to write")
    how = relabel.add_mutually_exclusive_group()
    how.add_argument("--lines", action="store_true", help="join the words to the lines that the bundle finds")
    how.add_argument("--spaces", action="store_true", help="only take the bundle's spaces, where it reads the same")
    relabel.add_argument(
        "--min-confidence", type=_share, help="of a line that is added, or dropped, 0.95; joined, or spaced, 0.7"
    )

    fonts = _command(
        commands, "web-fonts", actions.run_web_fonts, "list npm packages of fonts for signs, or install their files"
    )
    fonts.add_argument("--install", type=Path, metavar="DIR", help="where npm put the packages (npm --prefix DIR)")


def _share(text: str) -> float:
    share = float(text)
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return share


def _command(commands: Any, name: str, run: Callable[[argparse.Namespace], None], summary: str) -> Any:
    command = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
    command.set_defaults(run_command=run)
    return command


def _configured(command: argparse.ArgumentParser) -> None:
    command.add_argument("config", type=Path, help="TOML file; its options are described in trainer/config")
    command.add_argument("--data", type=Path, default=Path(), help="folder that the configuration's paths start from")
    command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override an option")
