"""What each command of `python -m trainer` does with its arguments.

The modules of each are imported where they are needed: torch takes seconds, and a wrong option should be answered at
once. Errors are those of `trainer.errors` and `ocr_core.errors`, which `trainer.commands.cli` turns into exit codes.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.errors import ConfigError

if TYPE_CHECKING:
    from ocr_core.scoring.datasets import LabelledSet


def run_train(args: argparse.Namespace) -> None:
    """Train a network, or go on with a run."""
    from trainer.config import load_config
    from trainer.run.train import Start, train

    config = load_config(args.config, args.set)
    start = Start(args.init, tuple(args.fresh), args.init_backbone, args.init_peer)
    train(config, args.run or Path("runs") / config.name, args.data, start)


def run_pack(args: argparse.Namespace) -> None:
    """Write the pack of a run."""
    from trainer.config import load_config
    from trainer.pack.write import Limits, wheels_in, write_pack

    limits = Limits(megabytes=args.megabytes, fonts=args.fonts, lines=args.lines, pages=args.pages)
    wheels = wheels_in(args.wheels) if args.wheels else []
    size = write_pack(load_config(args.config, args.set), args.data, args.out, limits, args.init, wheels)
    print(f"{args.out}: {size / 1e6:.1f} MB")


def run_preview(args: argparse.Namespace) -> None:
    """Draw a contact sheet."""
    from trainer.commands.preview import write_preview
    from trainer.config import load_config

    write_preview(load_config(args.config, args.set), args.data, args.out, args.count)


def run_check_data(args: argparse.Namespace) -> None:
    """Print what is wrong with labelled data."""
    from trainer.commands.check_data import check_data
    from trainer.config import load_config

    for finding in check_data(load_config(args.config, args.set), args.data):
        print(finding)


def run_centers(args: argparse.Namespace) -> None:
    """Collect class centers."""
    from trainer.config import load_config
    from trainer.teach.collect_centers import centers_of

    centers_of(load_config(args.config, args.set), args.state, args.data, args.out, args.batches)


def run_validate(args: argparse.Namespace) -> None:
    """Print the figures of each state, a line of JSON each."""
    from trainer.config import load_config
    from trainer.run.validate import validate

    found = validate(load_config(args.config, args.set), args.states, args.data)
    for state, figures in zip(args.states, found, strict=True):
        print(json.dumps({"state": str(state)} | figures), flush=True)


def run_average(args: argparse.Namespace) -> None:
    """Write the mean of states."""
    from trainer.config import load_config
    from trainer.run.average import average, average_and_count

    if args.count is None:
        average(args.states, args.out, args.weights)
    else:
        config = load_config(args.count, [])
        average_and_count(args.states, args.out, args.weights, config, args.data, args.batches)


def run_language(args: argparse.Namespace) -> None:
    """Count a language model."""
    from trainer.config import load_language_config
    from trainer.teach.language import write_language

    print(f"{args.out}: {write_language(load_language_config(args.config, args.set), args.out)} n-grams")


def run_export(args: argparse.Namespace) -> None:
    """Write a state's network as ONNX."""
    from trainer.release.export import export_state

    print(f"{args.out}: differs from torch by {export_state(args.state, args.out):.2g}")


def run_export_net(args: argparse.Namespace) -> None:
    """Write an untrained network of the paper as ONNX."""
    from trainer.commands.export_net import export_net

    print(f"{args.out}: differs from torch by {export_net(args.name, args.out):.2g}")


def run_publish(args: argparse.Namespace) -> None:
    """Publish a bundle, and print what it scores."""
    from ocr_core.bundle.store import open_store
    from trainer.config import load_publish_config
    from trainer.release.publish import publish

    config = load_publish_config(args.config, args.set)
    done = publish(config, open_store(args.store), args.data, args.runs, force=args.force)
    print(f"published {done.bundle.ref}")
    for score, in_torch in zip(done.scores, done.compared, strict=True):
        print(f"  {score.dataset} {score.metric}: {score.value:.4f} (in torch {in_torch.value:.4f})")


def run_quantize(args: argparse.Namespace) -> None:
    """Publish a bundle of 8-bit integers, and print what it scores."""
    from ocr_core.bundle.store import open_store
    from trainer.config import load_quantize_config
    from trainer.release.quantize import quantize

    done = quantize(load_quantize_config(args.config, args.set), open_store(args.store), args.data, force=args.force)
    print(f"published {done.bundle.ref}")
    for score, before in zip(done.scores, done.compared, strict=True):
        print(f"  {score.dataset} {score.metric}: {score.value:.4f} (before {before.value:.4f})")


def run_widths(args: argparse.Namespace) -> None:
    """Publish a bundle with other input widths."""
    from ocr_core.bundle.store import open_store
    from trainer.release.widths import publish_widths

    print(f"published {publish_widths(open_store(args.store), args.bundle, args.widths).ref}")


def _set_in(folder: Path) -> LabelledSet:
    from ocr_core.scoring.datasets import read_set

    try:
        return read_set(folder)
    except (OSError, ValueError) as error:
        raise ConfigError(str(error)) from error


def run_label(args: argparse.Namespace) -> None:
    """Label images, or write a teacher's maps of them."""
    from ocr_core.bundle.store import open_store
    from trainer.teach.label import label_images, write_maps

    bundle = open_store(args.store).open(args.bundle)
    if args.maps:
        images = [row.image for row in _set_in(args.images).rows]
        print(f"{write_maps(bundle, args.images, images, args.out)} maps in {args.out}")
    else:
        print(label_images(bundle, args.images, args.out, crops=args.crops, confidence=args.min_confidence))


def run_relabel(args: argparse.Namespace) -> None:
    """Correct the labels of a set, set their spaces, or join its words to lines."""
    from ocr_core.bundle.store import open_store
    from trainer.teach.joined import join_words
    from trainer.teach.relabel import relabel
    from trainer.teach.respaced import set_spaces

    bundle = open_store(args.store).open(args.bundle)
    teach, least = (join_words, 0.7) if args.lines else (set_spaces, 0.7) if args.spaces else (relabel, 0.95)
    if args.min_confidence is not None:
        least = args.min_confidence
    fates = teach(bundle, _set_in(args.images), args.out, confidence=least)
    print(*(f"{count} {fate}" for fate, count in sorted(fates.items())), sep=", ")


def run_options(args: argparse.Namespace) -> None:
    """Print every option of a kind of configuration."""
    from trainer.commands.options import KINDS, describe

    print(describe(KINDS[args.kind]))


def run_smoke(args: argparse.Namespace) -> None:
    """Train, publish and serve tiny models."""
    from trainer.commands.smoke import smoke

    smoke(args.work, args.seed)


def run_web_fonts(args: argparse.Namespace) -> None:
    """Print the packages of fonts, or install their files."""
    from trainer.render import web_fonts

    if args.install is None:
        print(*(f"@fontsource/{family}" for family, _ in web_fonts.listed()))
        return
    try:
        print(f"{web_fonts.install(args.install)} faces in {web_fonts.INSTALLED}")
    except OSError as error:
        raise ConfigError(str(error)) from error
