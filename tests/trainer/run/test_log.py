"""What a run says while it works, where what draws is broken."""

from __future__ import annotations

import json
import sys

from trainer.run.log import RunLog


def test_a_tensorboard_that_cannot_be_imported_stops_no_run(tmp_path, monkeypatch, caplog):
    for name in [name for name in sys.modules if "tensorboard" in name]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "tensorboard.py").write_text("raise TypeError('Descriptors cannot be created directly')")
    log = RunLog(tmp_path, 0, 1)
    log.write("train", 1, {"loss": 1.0})
    log.close()
    assert json.loads((tmp_path / "log.jsonl").read_text())["loss"] == 1.0
    assert "Descriptors cannot be created" in caplog.text
