"""What an operator may choose: environment over file over default.

Every setting is the environment variable `OCR_<NAME>`. `OCR_CONFIG` names a file of `OCR_<NAME>=value` lines, the form
that `docker --env-file` and systemd read too, so that one file serves all three.
"""

from __future__ import annotations

import os
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import ByteSize, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from ocr_core.bundle.remote import default_cache
from ocr_core.bundle.store import DEFAULT_MODEL
from ocr_core.pages.images import MAX_PIXELS

CONFIG_VARIABLE = "OCR_CONFIG"
BYTES_PER_PIXEL = 8
"""Memory of an image at its peak: the decoder's own four bytes, three of ours, and what is being converted."""
BODY_COPIES = 2
"""A body is held as it came and as what it contains, for a moment both."""
VERSION_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
MODEL_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,63}(@[A-Za-z0-9][A-Za-z0-9._-]{0,63})?$"


def _state_home() -> Path:
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")


class Settings(BaseSettings):
    """Frozen; read once when the process starts, never at import."""

    model_config = SettingsConfigDict(
        env_prefix="OCR_",
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        protected_namespaces=(),
        hide_input_in_errors=True,  # a message about one value would show them all, the keys too
    )

    host: str = Field(default="0.0.0.0", description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")

    model_store: str | None = Field(
        default=None,
        description="Folder or fsspec URL (s3://…) that holds the model bundles; may be read-only. Unset: `./models`, "
        "and behind it the model that comes with the package.",
    )
    model: str = Field(
        default=DEFAULT_MODEL,
        pattern=MODEL_PATTERN,
        description="Bundle to serve, `name[@version]`; else its current one.",
    )
    backend: Literal["auto", "openvino", "onnxruntime", "cuda"] = Field(
        default="auto", description="Engine that computes the networks. A named one that cannot be had is an error."
    )
    precision: Literal["auto", "f32", "bf16"] = Field(
        default="auto",
        description="Numbers that OpenVINO computes in. `auto`: bfloat16 where the processor computes in it.",
    )
    threads: int | None = Field(
        default=None, ge=1, description="Cores to compute on. Unset: as many as the cgroup quota and affinity allow."
    )
    cache_dir: Path = Field(
        default_factory=lambda: default_cache().parent,
        description="Folder for compiled models and for bundles fetched from a remote store, of each name the four "
        "that were asked for last; makes later starts fast.",
    )

    max_connections: int = Field(
        default=800,
        ge=1,
        description="Connections open at a time. One more, and the one that was idle for longest makes room; "
        "where all have one, requests by more get 429, probes excepted. Uploads and requests of the default "
        "`OCR_MAX_CONCURRENT_REQUESTS` take 640, and many systems allow a process 1,024 files; fewer where a "
        "process may open fewer, which the log says.",
    )
    max_concurrent_requests: int = Field(
        default=128,
        ge=1,
        description="Reading requests inside at a time whose bodies have arrived; more get 429. Uploads under way, at "
        "most four times as many, are not among them, so that silent ones keep nobody out: the one that was silent for "
        "longest makes room.",
    )
    max_queue_size: int = Field(
        default=64,
        ge=1,
        description="Images inside at a time, waiting or being read; more get 429. A longer queue would be "
        "answered only after its clients have given up: at half a second an image 64 fill the default deadline. A "
        "quarter more are let in where they are light, as single lines are, which overtake the pages.",
    )
    max_queue_delay_microseconds: int = Field(
        default=0,
        ge=0,
        description="Time that an input may wait for others to share its batch, where the backend gains by batches. At "
        "0 a batch is whatever waits when a stream is free, which under load is enough.",
    )
    max_batch_pixels: int = Field(
        default=4_000_000,
        ge=1,
        description="Padded pixels that are computed together. Bounds the memory of a batch: a network takes some "
        "hundred bytes a pixel, so 4 million stay under a gigabyte.",
    )
    max_memory: ByteSize = Field(
        default=ByteSize(2 * 2**30),
        description="Memory that the requests inside may take, bodies twice, as they arrive, and images with 8 bytes a "
        "pixel, WebP with 16; more get 429. The models come on top, about half a gigabyte each.",
    )
    max_client_batch_size: int = Field(
        default=16,
        ge=1,
        description="Images in one request; more get 413. Keeps one client from filling the queue by itself.",
    )
    payload_limit: ByteSize = Field(
        default=ByteSize(32 * 2**20),
        ge=1,
        description="Bytes of a request's body (`32MiB`); more get 413 while still arriving. A 48-megapixel photograph "
        "as JPEG stays under it.",
    )
    upload_idle_seconds: float = Field(
        default=10.0,
        gt=0,
        description="Time between two pieces of a body; longer gets 408. Telephones that change cells are silent for "
        "some seconds; whoever is for longer will hardly be in time.",
    )
    max_pages: int = Field(
        default=2_000,
        ge=1,
        description="Pages of a document that one request may ask for; more get 413, and `pages=` chooses. So many are "
        "read in about ten minutes on four cores.",
    )
    max_documents: int = Field(
        default=8,
        ge=1,
        description="Requests inside at a time that are read page by page; more get 429. Half as many more are let in "
        "of callers (keys, or addresses where there are no keys) who have none inside, so that nobody keeps all others "
        "out. Each has a process that draws PDFs, of some 50 MB, which a hostile file drives to a gigabyte before it "
        "is killed, and one that writes them where a PDF is asked for.",
    )
    max_pixels: int = Field(
        default=MAX_PIXELS,
        ge=1,
        description="Pixels of an image, as told by its header before anything is decoded; more get 413. A decoded "
        "pixel takes 3 bytes: 150 MB an image at the default, room for a 48-megapixel photograph.",
    )
    request_timeout_seconds: float = Field(
        default=30.0,
        gt=0,
        description="Deadline of a request that names none by `X-Request-Timeout-Ms`, counted from its first byte. Of "
        "documents the upload alone.",
    )
    max_request_timeout_seconds: float = Field(
        default=60.0,
        gt=0,
        description="Longest deadline that a client may ask for; longer ones are cut to it. The last bucket of the "
        "duration histogram ends here.",
    )
    page_timeout_seconds: float = Field(
        default=30.0,
        gt=0,
        description="Deadline of each page of a document, counted from when its turn has come: what a request for one "
        "image has. A page that misses it has an error, and the others are read.",
    )
    document_timeout_seconds: float = Field(
        default=1800.0,
        gt=0,
        description="Longest that a request may take that is read page by page, and what one has that names no "
        "deadline. `OCR_MAX_PAGES` fit in thrice on four cores; whoever leaves ends the work at once.",
    )

    jobs: bool = Field(
        default=True,
        description="Take jobs at `/v1/jobs`. Nothing is written before the first one comes.",
    )
    jobs_folder: Path = Field(
        default_factory=lambda: _state_home() / "ocr" / "jobs",
        description="Folder of the jobs of one service: `jobs.db`, an SQLite file, and uploads and results beside it. "
        "On a disk of its own machine, where it outlasts the process.",
    )
    jobs_database: SecretStr = Field(
        default=SecretStr(""),
        description="`postgresql://…`: the jobs of several replicas (extra `postgres`), instead of the SQLite file.",
    )
    jobs_files: str | None = Field(
        default=None,
        description="Folder or fsspec URL (s3://…) of uploads and results, which every replica reaches. Unset: beside "
        "the SQLite file.",
    )
    jobs_concurrent: int = Field(
        default=2,
        ge=0,
        description="Jobs worked on at a time, so that a short one does not wait for a long one; 0 takes them and "
        "leaves them to other replicas.",
    )
    jobs_share: float = Field(
        default=0.03,
        gt=0,
        le=1,
        description="Share of the machine that a job has beside a request that someone waits for; as much as there is "
        "where nobody does.",
    )
    jobs_max_inside: int = Field(
        default=100,
        ge=1,
        description="Jobs of a key, or of a network without keys, that are queued or worked on; more get 429. Each "
        "keeps its upload on the disk.",
    )
    jobs_sources: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="fsspec URLs of folders, `s3://bucket/in,/data/in`, below which a job may name a file by `url` "
        "instead of sending it; none by default. Whoever may ask may read them.",
    )
    jobs_callbacks: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="URLs below which a job's `callback_url` may be, `https://a.example/ocr`; none by default. Needs "
        "`OCR_JOBS_CALLBACK_SECRET`.",
    )
    jobs_callback_secret: SecretStr = Field(
        default=SecretStr(""),
        description="What callbacks are signed with, as Standard Webhooks says; `whsec_…` is base64.",
    )
    jobs_timeout_seconds: float = Field(
        default=86_400.0,
        gt=0,
        description="Longest that a job may be worked on; then it fails, and what was read stays until it expires.",
    )
    jobs_keep_seconds: float = Field(
        default=86_400.0,
        gt=0,
        description="How long a job is kept after its end, failed and cancelled ones too; then it is removed with its "
        "upload and its result.",
    )

    shutdown_grace_seconds: float = Field(
        default=25.0,
        gt=0,
        description="Time after SIGTERM in which accepted requests are finished. Less than the 30 seconds after which "
        "Kubernetes kills.",
    )
    model_poll_seconds: float = Field(
        default=10.0,
        ge=0,
        description="How often the store is asked for a new current version, which is then taken up; 0 never asks. A "
        "model given as `name@version` stays what it is.",
    )
    max_loaded_models: int = Field(
        default=4,
        ge=2,
        description="Versions in memory at a time, the one being loaded included; admins get 409 beyond. Each takes "
        "about half a gigabyte.",
    )

    api_keys: SecretStr = Field(
        default=SecretStr(""),
        description="Who may ask: `NAME SCOPES SHA256` for each key, separated by semicolons or newlines, as `ocr keys "
        "new` prints it. Scopes are `read` and `admin`. Without keys reading is open and nobody may load models.",
    )
    api_keys_file: Path | None = Field(
        default=None,
        description="A file of further keys, one a line, such as a mounted secret. Where it is named a key is always "
        "asked for, even if the file holds none. Write it aside and rename it, so that no half of it is read.",
    )
    api_keys_poll_seconds: float = Field(
        default=10.0,
        ge=0,
        description="How often the file of keys is read again, so that keys are given and taken without a restart; 0 "
        "never. A file that cannot be read or holds a line that is no key changes nothing, and the log says so.",
    )
    rate_limit: float | None = Field(
        default=None,
        gt=0,
        description="Requests a second with each key, in each process; more get 429. Unset: no limit.",
    )
    rate_limit_burst: int = Field(
        default=20, ge=1, description="Requests that a key may send at once after a pause, where there is a limit."
    )
    page: bool = Field(
        default=True,
        description="Show people a page at `/`, where they drop a picture and see its text. It asks this service "
        "alone, with a key where keys are asked for.",
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Web sites whose scripts may ask, `https://a.example,https://b.example`; none by default.",
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Addresses and networks of the proxies in front, `10.0.0.7,10.244.0.0/16`; none by default. Of "
        "what comes from there the caller is the last address in `X-Forwarded-For` that is no proxy's; else all that "
        "a proxy sends counts as one caller's. Whoever may connect from there can call itself anybody. Only this "
        "setting is looked at, not `FORWARDED_ALLOW_IPS`.",
    )

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least level that is logged. Probes and scrapes log at `debug`."
    )
    log_format: Literal["json", "console"] = Field(
        default="json", description="`json`: one object a line, for collectors. `console`: for people."
    )

    log_text: bool = Field(
        default=False, description="Log the text that was read. Off: logs hold no content, no file names, no keys."
    )
    traces: bool = Field(
        default=False,
        description="Send OpenTelemetry traces over OTLP/HTTP (extra `otel`) to where the `OTEL_*` variables say; they "
        "name the service too, `ocr` otherwise. Probes and scrapes are left out unless `OTEL_PYTHON_EXCLUDED_URLS` "
        "says what is.",
    )

    @field_validator("cors_origins", "trusted_proxies", "jobs_sources", "jobs_callbacks", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        parts = value.split(",") if isinstance(value, str) else value
        if not isinstance(parts, (list, tuple)):
            return parts
        if any(isinstance(part, str) and part.strip().startswith(("[", '"')) for part in parts):
            raise ValueError("a list is written `a,b`, not as JSON")
        # What is empty, as behind a last comma, would allow the folder that the service was started in.
        return [part for part in (each.strip() if isinstance(each, str) else each for each in parts) if part]

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies_are_some(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(ip_network(each).prefixlen == 0 for each in value):
            raise ValueError("where everybody is a proxy, everybody may call itself anybody: name the proxies alone")
        return value

    @model_validator(mode="after")
    def _callbacks_are_signed(self) -> Settings:
        if self.jobs_callbacks and not self.jobs_callback_secret.get_secret_value():
            raise ValueError("OCR_JOBS_CALLBACKS needs OCR_JOBS_CALLBACK_SECRET")
        if not all(url.startswith(("http://", "https://")) for url in self.jobs_callbacks):
            raise ValueError("OCR_JOBS_CALLBACKS are URLs of http or https")
        if any(url.lower().startswith(("http:", "https:")) for url in self.jobs_sources):
            raise ValueError("OCR_JOBS_SOURCES are no URLs of http: these may lead anywhere")
        for url in (*self.jobs_sources, *self.jobs_callbacks):
            _ = urlsplit(url).port  # raises what each request that names a URL would
        return self

    @model_validator(mode="after")
    def _a_full_batch_fits_the_queue(self) -> Settings:
        if self.max_queue_size < self.max_client_batch_size:
            raise ValueError("OCR_MAX_QUEUE_SIZE must not be smaller than OCR_MAX_CLIENT_BATCH_SIZE")
        return self

    @model_validator(mode="after")
    def _the_largest_image_fits_the_memory(self) -> Settings:
        if self.max_memory < BODY_COPIES * self.payload_limit + BYTES_PER_PIXEL * self.max_pixels:
            raise ValueError(
                f"OCR_MAX_MEMORY must hold {BODY_COPIES} times OCR_PAYLOAD_LIMIT and {BYTES_PER_PIXEL} times "
                "OCR_MAX_PIXELS, or the largest image allowed is never read"
            )
        return self


def load_settings(**overrides: Any) -> Settings:
    """Return the settings of this process; `overrides` that are not None beat the environment.

    Raises:
        FileNotFoundError: `OCR_CONFIG` names a file that does not exist.
        pydantic.ValidationError: a value is out of its range, or the file sets what does not exist.
    """
    config = os.environ.get(CONFIG_VARIABLE)
    if config and not Path(config).is_file():
        raise FileNotFoundError(f"{CONFIG_VARIABLE} names {config}, which is not a file")
    chosen = {name: value for name, value in overrides.items() if value is not None}
    return Settings(_env_file=config or None, **chosen)
