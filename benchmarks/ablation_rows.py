"""What the paper's Tables 2 and 3 compare, as changes of one configuration each, with the paper's figures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.runs import CONFIGS

ABLATION = CONFIGS / "ablation"


@dataclass(frozen=True, slots=True)
class Row:
    """One recipe."""

    name: str
    title: str
    changes: tuple[str, ...] = ()
    """Overrides of the table's configuration. `{centers}` and `{weight}` stand for what comes of other runs."""
    over: str = ""
    """The row that it is compared with; empty: none."""
    paper: float | None = None
    """The table's metric in the paper; none: the row is ours."""
    effort: float = 1.0
    """Its steps, as a multiple of the table's."""
    after: str = ""
    """The row whose networks it continues."""
    rate_of: str = ""
    """The row whose learning rate it takes; its own name: it looks for one."""


@dataclass(frozen=True, slots=True)
class Table:
    """Recipes that are trained on the same samples and judged on the same ones."""

    number: int
    kind: str
    config: Path
    metric: str
    parts: tuple[tuple[str, tuple[str, ...]], ...]
    """What the validation data falls into: titles, and the sets of each."""
    rows: tuple[Row, ...]
    steps: int
    pretrain: Path | None = None
    """Configuration of the run that all rows start from."""
    pretrain_whole: bool = False
    """Rows start from all of its network, one for each backbone, and peers from one of another seed; else from its
    backbone, with a fresh neck and head."""
    maps: tuple[str, ...] = ()
    """Folders of the teacher's maps below --data."""
    rates: tuple[str, ...] = ()
    """Learning rates that are tried on seed 0."""

    def row(self, name: str) -> Row:
        """Return a row by name."""
        return next(row for row in self.rows if row.name == name)


CML = ("method.distill=cml", "method.teacher=maps")
# A step of CML takes 1.7 times as long as one of DB: 0.49 s and 0.29 s of processor time in cells, data and all.
SAME_TIME = 1.7

DETECTOR = Table(
    number=2,
    kind="detector",
    config=ABLATION / "det.toml",
    metric="hmean",
    steps=600,
    parts=(("receipts", ("receipts-sroie", "receipts-sroie-more")),),
    pretrain=ABLATION / "det-drawn.toml",
    maps=("teacher-maps/receipts-sroie", "teacher-maps/receipts-sroie-more"),
    rows=(
        Row("db", "DB", paper=0.759),
        Row("dml", "DB + DML", ("method.distill=dml",), "db", 0.777),
        Row("cml", "DB + CML", CML, "db", 0.789),
        Row("db-time", "DB for the time of CML (ours)", (), "db", effort=SAME_TIME),
        Row("cml-undilated", "DB + CML, regions as they are (ours)", (*CML, "method.dilate=false"), "db"),
        Row("cml-10", "DB + CML, DML × 10 (ours)", (*CML, "method.dml_weight=10.0"), "db"),
    ),
)
# CopyPaste is asked of DB alone: that needs no teacher and half the time.
COPY_PASTE = Table(
    number=2,
    kind="copypaste",
    config=ABLATION / "det-photos.toml",
    metric="hmean",
    steps=600,
    parts=(("photographs", ("scene-icdar2015", "scene-icdar2015-more")),),
    pretrain=ABLATION / "det-drawn.toml",
    pretrain_whole=True,
    rows=(
        Row("db", "DB"),
        Row("copypaste", "DB + CopyPaste", ("data.copy_paste=0.2",), "db"),
    ),
)

UDML = ("method.distill=udml",)
CENTERS = (*UDML, "method.centers={centers}")
# Networks without a start learn nothing in these steps. Of PP-OCRv2's three parts each row adds one: neck and head are
# PP-OCRv2's in all of them.
RECOGNIZER = Table(
    number=3,
    kind="recognizer",
    config=ABLATION / "rec.toml",
    metric="acc",
    steps=400,
    pretrain=ABLATION / "rec-drawn.toml",
    pretrain_whole=True,
    parts=(("drawn", ("rendered",)), ("real", ("words-iiit5k-train", "words-svt-train"))),
    rates=("5e-4", "1e-3", "2e-3"),
    rows=(
        Row("mv3", "MobileNetV3", ("net.backbone=mobilenet_v3_small",), paper=0.667, rate_of="mv3"),
        Row("lcnet", "LCNet", (), "mv3", 0.693, rate_of="lcnet"),
        Row("udml", "LCNet + U-DML", UDML, "lcnet", 0.739, rate_of="lcnet"),
        Row("lcnet-time", "LCNet for the time of U-DML (ours)", (), "lcnet", effort=2.0, rate_of="lcnet"),
        Row("on", "U-DML, continued", UDML, "udml", effort=0.25, after="udml", rate_of="lcnet"),
        Row("enhanced", "… + Enhanced CTC", CENTERS, "on", 0.748, effort=0.25, after="udml", rate_of="lcnet"),
        Row(
            "enhanced-light",
            "… + Enhanced CTC, 5 to 10 % of the loss (ours)",
            (*CENTERS, "method.center_weight={weight}"),
            "on",
            effort=0.25,
            after="udml",
            rate_of="lcnet",
        ),
    ),
)
TABLES = {table.kind: table for table in (DETECTOR, COPY_PASTE, RECOGNIZER)}
