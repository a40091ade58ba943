"""API keys, scopes, rate limits, and web sites of others."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import anyio
import httpx
import pytest
from pydantic import ValidationError
from service_clients import Serve
from service_fakes import PATIENCE, FakeReader, encoded, parts
from typer.testing import CliRunner

from service.auth.keyfile import KeyWatcher, load_keys
from service.auth.keys import ApiKey, Keyring, KeysError, new_key, parse_keys
from service.auth.rates import RateLimit
from service.cli import app
from service.settings import Settings, load_settings

URL = "/v1/ocr"
IMAGE = encoded()
READ, READ_KEY = new_key("till", ["read"])
ADMIN, ADMIN_KEY = new_key("ops", ["admin"])
KEYS = f"{READ_KEY.line()}; {ADMIN_KEY.line()}"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"x-api-key": "wrong"}, 401),
        ({"x-api-key": READ_KEY.sha256}, 401),
        ({"authorization": f"Basic {READ}"}, 401),
        ({"x-api-key": "é".encode()}, 401),
        ({"x-api-key": ADMIN}, 403),
        ({"x-api-key": READ}, 200),
        ({"authorization": f"Bearer {READ}"}, 200),
    ],
)
async def test_reading_needs_a_key_once_there_are_keys(serve: Serve, headers: dict, status: int) -> None:
    reader = FakeReader()
    async with serve(reader, api_keys=KEYS) as client:
        answer = await client.post(URL, headers=headers, files=parts(IMAGE))
        listed = await client.get("/v1/models", headers=headers)
        probes = [(await client.get(path)).status_code for path in ("/livez", "/readyz", "/version", "/metrics")]
    assert (answer.status_code, listed.status_code) == (status, status)
    assert len(reader.calls) == (status == 200)
    assert probes == [200] * 4
    if status == 401:
        assert answer.headers["www-authenticate"] == "Bearer"
    if status != 200:
        assert answer.json()["code"] == {401: "unauthorized", 403: "forbidden"}[status]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("keys", "headers", "status"), [("", {}, 403), (KEYS, {}, 401), (KEYS, {"x-api-key": READ}, 403)]
)
@pytest.mark.parametrize("path", ["/v1/models/fake/load", "/v1/models/fake/unload"])
async def test_only_admins_change_models(serve: Serve, keys: str, headers: dict, status: int, path: str) -> None:
    async with serve(api_keys=keys) as client:
        answer = await client.post(path, headers=headers)
    assert answer.status_code == status


@pytest.mark.anyio
async def test_a_key_that_is_used_too_often_gets_429_and_others_do_not_suffer(serve: Serve) -> None:
    other, other_key = new_key("other", ["read"])
    async with serve(api_keys=f"{KEYS};{other_key.line()}", rate_limit=0.1, rate_limit_burst=2) as client:
        for _ in range(2):
            assert (await client.post(URL, headers={"x-api-key": READ}, files=parts(IMAGE))).status_code == 200
        refused = await client.post(URL, headers={"x-api-key": READ}, files=parts(IMAGE))
        assert (await client.post(URL, headers={"x-api-key": other}, files=parts(IMAGE))).status_code == 200
        models = await client.get("/v1/models", headers={"x-api-key": READ})
        scrape = (await client.get("/metrics")).text
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert models.status_code == 429  # and no read
    assert 1 <= int(refused.headers["retry-after"]) <= 10
    assert 'ocr_requests_rejected_total{reason="rate_limit"} 1.0' in scrape


def test_buckets_fill_with_time_up_to_a_burst() -> None:
    now = 0.0
    limit = RateLimit(2.0, 3, clock=lambda: now)
    assert [limit.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert limit.take("b") == 0
    now = 0.25
    assert limit.take("a") == 0.25
    now = 0.5
    assert limit.take("a") == 0
    now = 1000.0
    assert [limit.take("a") for _ in range(4)] == [0, 0, 0, 0.5]


def test_without_a_rate_nothing_is_refused() -> None:
    limit = RateLimit(None, 1)
    assert {limit.take("a") for _ in range(100)} == {0}


def test_keys_are_read_from_settings_and_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# made by ocr keys new\n\n{ADMIN_KEY.line()}  # the operators\n")
    monkeypatch.setenv("OCR_API_KEYS", READ_KEY.line())
    monkeypatch.setenv("OCR_API_KEYS_FILE", str(file))
    keys = load_keys(load_settings())
    assert (keys.find(READ), keys.find(ADMIN), keys.find("else")) == (READ_KEY, ADMIN_KEY, None)


@pytest.mark.parametrize(
    "text",
    [
        "till read",
        f"till write {'0' * 64}",
        f"till read {'0' * 63}",
        f"till read {'A' * 64}",
        f"a b read {'0' * 64}",
        pytest.param(READ, id="the key itself"),
        f"{READ_KEY.line()}\n{READ_KEY.line()}",
    ],
)
def test_keys_that_are_none_are_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(KeysError) as caught:
        parse_keys({"the file": f"{text}\n"})
    assert READ not in str(caught.value)
    assert "0000" not in str(caught.value)


def test_a_line_that_is_none_is_told_by_its_place() -> None:
    with pytest.raises(KeysError, match=r"^secrets/keys, line 3 is not"):
        parse_keys({"OCR_API_KEYS": f"{READ_KEY.line()};", "secrets/keys": f"# made\n\nAlice Smith {READ}\n"})


def test_settings_do_not_show_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(api_keys=KEYS)
    assert READ_KEY.sha256 not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    with pytest.raises(ValidationError) as caught:
        Settings(api_keys=KEYS, max_queue_size=1)
    assert READ_KEY.sha256 not in str(caught.value)
    monkeypatch.setenv("OCR_API_KEYS", f"{KEYS}; till read")
    monkeypatch.setenv("OCR_MAX_QUEUE_SIZE", "1")
    done = CliRunner().invoke(app, ["serve"])
    assert done.exit_code == 2
    assert READ_KEY.sha256 not in f"{done.output} {done.exception!r}"


def test_a_key_is_known_by_its_sha256() -> None:
    key = ApiKey(name="a", scopes=frozenset({"read"}), sha256=hashlib.sha256(b"secret").hexdigest())
    assert Keyring((READ_KEY, key)).find("secret") is key
    assert parse_keys({"": key.line()}) == (key,)


def test_the_command_line_makes_keys() -> None:
    done = CliRunner().invoke(app, ["keys", "new", "till", "--admin"])
    secret, line = re.search(r"key:  (\S+)\nline: (.*)\n", done.output).groups()
    assert Keyring(parse_keys({"": line})).find(secret).scopes == {"read", "admin"}


@pytest.mark.parametrize("name", ["Alice Smith", "", "a;b", "a#b", "é", "a\nb", "a" * 65, "two\tnames"])
def test_the_command_line_makes_no_key_that_would_stop_the_service(name: str) -> None:
    done = CliRunner().invoke(app, ["keys", "new", name])
    assert done.exit_code == 2
    assert "64 letters" in " ".join(done.output.replace("│", " ").split())
    assert "key:" not in done.output


async def statuses(client: httpx.AsyncClient, *secrets: str) -> list[int]:
    return [(await client.get("/v1/models", headers={"x-api-key": secret})).status_code for secret in secrets]


@pytest.mark.anyio
async def test_the_file_of_keys_is_taken_up_while_the_service_runs(
    serve: Serve, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    new, new_one = new_key("new", ["read"])
    file = tmp_path / "keys"
    file.write_text(READ_KEY.line())
    async with serve(api_keys_file=file) as client:
        context = client._transport.app.state.context
        watcher = KeyWatcher(context.settings, context.access)
        assert await statuses(client, READ, new) == [200, 401]
        file.write_text(new_one.line())
        await watcher.poll()
        assert await statuses(client, READ, new) == [401, 200]
        for damage in (lambda: file.write_text(f"Alice {new}"), lambda: file.write_bytes(b"\xff"), file.unlink):
            caplog.clear()
            damage()
            await watcher.poll()
            await watcher.poll()
            assert await statuses(client, READ, new) == [401, 200]
            assert [record.levelname for record in caplog.records if record.name == "service.auth.keyfile"] == ["ERROR"]
            assert new not in caplog.text
        file.write_text(f"{READ_KEY.line()}\n{new_one.line()}")
        await watcher.poll()
        assert await statuses(client, READ, new) == [200, 200]
        file.write_text("")  # the last key taken away closes the service; it does not open it
        await watcher.poll()
        assert await statuses(client, READ, new, "") == [401, 401, 401]


def test_a_file_of_keys_that_is_none_or_has_no_end_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_text("#" * 2**21)
    for file in (tmp_path / "pipe", tmp_path, Path("/dev/zero"), tmp_path / "large"):
        with pytest.raises(OSError, match=r"is no file|is larger"):
            load_keys(Settings(api_keys_file=file))


@pytest.mark.anyio
async def test_a_secret_that_kubernetes_swaps_is_taken_up_without_being_told(serve: Serve, tmp_path: Path) -> None:
    new, new_one = new_key("new", ["read"])
    for version, key in (("1", READ_KEY), ("2", new_one)):
        (tmp_path / version).mkdir()
        (tmp_path / version / "keys").write_text(key.line())
    (tmp_path / "..data").symlink_to("1")
    (tmp_path / "keys").symlink_to("..data/keys")
    async with serve(api_keys_file=tmp_path / "keys", api_keys_poll_seconds=0.01) as client:
        assert await statuses(client, READ, new) == [200, 401]
        (tmp_path / "..tmp").symlink_to("2")
        (tmp_path / "..tmp").rename(tmp_path / "..data")
        with anyio.fail_after(PATIENCE):
            while await statuses(client, READ, new) != [401, 200]:
                await anyio.lowlevel.checkpoint()


def test_origins_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCR_CORS_ORIGINS", "https://a.example, https://b.example")
    assert load_settings().cors_origins == ("https://a.example", "https://b.example")
    with pytest.raises(ValidationError):
        Settings(rate_limit=0)
