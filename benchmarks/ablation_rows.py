"""What the paper's Tables 2 and 3 compare, as changes of one configuration each, with the paper's figures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.runs import CONFIGS


@dataclass(frozen=True, slots=True)
class Row:
    """One recipe."""

    name: str
    title: str
    changes: tuple[str, ...]
    """Overrides of the table's configuration. `{teacher}` and `{centers}` stand for files that come from other runs."""
    paper: float
    """The table's metric in the paper."""


@dataclass(frozen=True, slots=True)
class Table:
    """Recipes that are compared with the first of them."""

    number: int
    kind: str
    config: Path
    metric: str
    others: tuple[str, ...]
    """Figures that are printed beside it."""
    slowest: str
    """The row whose steps take longest."""
    rows: tuple[Row, ...]

    def row(self, name: str) -> Row:
        """Return a row by name."""
        return next(row for row in self.rows if row.name == name)


TEACHER = Row(
    "teacher",
    "ResNet18 teacher",
    ("net.backbone=resnet18_vd", "net.neck_channels=256", "optimizer.lr=1e-3"),
    paper=float("nan"),
)
CML = ("method.distill=cml", "method.teacher={teacher}")
# The old recognizer had the narrower LSTM and one layer in its head; those of LCNet differ in their method alone.
MOBILE = ("net.backbone=mobilenet_v3_small", "net.hidden=48", "net.head_features=0")
CENTERS = ("method.distill=udml", "method.centers={centers}")

DETECTOR = Table(
    number=2,
    kind="detector",
    config=CONFIGS / "ablation" / "det.toml",
    metric="hmean",
    others=("precision", "recall"),
    slowest="cml",
    rows=(
        Row("db", "DB", (), 0.759),
        Row("dml", "+ DML", ("method.distill=dml",), 0.777),
        Row("cml", "+ CML", CML, 0.789),
        Row("cml-copypaste", "+ CML + CopyPaste", (*CML, "data.copy_paste=0.2"), 0.795),
    ),
)
RECOGNIZER = Table(
    number=3,
    kind="recognizer",
    config=CONFIGS / "ablation" / "rec.toml",
    metric="acc",
    others=("similarity",),
    slowest="udml",
    rows=(
        Row("mv3", "MobileNetV3", MOBILE, 0.667),
        Row("lcnet", "LCNet", (), 0.693),
        Row("udml", "LCNet + U-DML", ("method.distill=udml",), 0.739),
        Row("udml-enhanced", "LCNet + U-DML + Enhanced CTC", CENTERS, 0.748),
    ),
)
TABLES = {table.kind: table for table in (DETECTOR, RECOGNIZER)}
