"""Every command that the documentation shows is run by a test, or is here with the reason why it cannot be.

The tests of this folder run them as written; the others run the same program with the files that they have.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from documented import ROOT, commands_by_page

HERE = "tests/docs/test_run.py"
API = "tests/service/http/test_service_documents_real.py"
CLUSTER = (
    "needs a Kubernetes cluster; tests/deploy holds the manifests to their schemas, and jobs and commands to the images"
)
ENGINE = "needs a Docker engine: `make docker-test` runs it there (tests/deploy/run_docker.py)"
INSTALL = "installs from an index; `make serve` and `make test` install the same extras"
HOURS = "trains for hours, or needs sets that are not ours to ship; `make smoke-train` goes the whole way in minutes"

RUN_BY = [
    # (page, command, the file of the test that runs it)
    (r"README\.md|docs/(index|deployment)\.md", r"curl .*", HERE),
    (r"docs/api\.md", r"(curl|echo) .*", API),
    (r"docs/jobs\.md", r"curl .*", "tests/service/jobs/test_job_routes.py"),
    (r".*", r"(\.venv/bin/)?ocr (read|models list|models show|eval|doctor)( .*)?", HERE),
    (r"README\.md|docs/library\.md", r"make wheel.*|pip install \"dist/.*", "tests/installed/test_wheel.py"),
    (r".*", r"(\.venv/bin/)?ocr models import mine .*", "tests/ocr_core/bundle/test_bundle_import.py"),
    (r"README\.md|docs/(index|models)\.md", r"make serve( OCR_MODEL=(mine|ppocrv2-en-int8))?", HERE),
    (r"docs/own-images\.md", r"(python|ocr) .*|make serve OCR_MODEL=own", "tests/docs/test_own_images.py"),
    (r"docs/formats\.md", r".*ocrmypdf .*", "tests/service/for_ocrmypdf/test_plugin.py"),
    (r"(README|docs/bulk)\.md", r".*ocr batch .*", "tests/service/bulk/test_bulk_command.py"),
    (r"docs/integrations\.md", r"ocr mcp .*", "tests/service/for_agents/test_mcp.py"),
    (r"docs/integrations\.md", r"lit parse .*", HERE),
    (r"docs/training\.md", r"python -m trainer options .*", HERE),
    (r"docs/training\.md", r"torchrun .*", "tests/trainer/run/test_launch.py"),
]

NOT_RUN = [
    # (page, command, why)
    (r".*", r"kubectl .*|kind load .*", CLUSTER),
    (r".*", r"(\w+=\S+ )*docker (build|run|compose) .*", ENGINE),
    (r".*", r"(pip|npm) install (?!\"dist/).*", INSTALL),
    (r".*", r"ocr --install-completion", "writes into the shell's own files"),
    (r".*", r"make serve OCR_MODEL=ppocrv6", "fetches the wheel of rapidocr; tests/ocr_core/bundle tests the import"),
    (r"docs/training\.md", r"python -m trainer .*|for pdf in .*", HOURS),
]


@pytest.mark.parametrize(("page", "command"), commands_by_page())
def test_a_command_is_run_or_has_a_reason(page: str, command: str) -> None:
    known = [
        where
        for pages, commands, where in [*RUN_BY, *NOT_RUN]
        if re.fullmatch(pages, page) and re.fullmatch(commands, command, re.DOTALL)
    ]
    assert known, f"{page} shows a command that no test runs: {command}"


@pytest.mark.parametrize(("pages", "commands", "where"), [*RUN_BY, *NOT_RUN])
def test_no_rule_is_idle(pages: str, commands: str, where: str) -> None:
    hits = [c for page, c in commands_by_page() if re.fullmatch(pages, page) and re.fullmatch(commands, c, re.DOTALL)]
    assert hits, commands


@pytest.mark.parametrize("test", sorted({where for _, _, where in RUN_BY}))
def test_the_tests_that_are_named_exist(test: str) -> None:
    assert Path(ROOT / test).is_file()
