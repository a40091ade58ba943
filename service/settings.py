"""What an operator may choose: environment over file over default.

Every setting is the environment variable `OCR_<NAME>`. `OCR_CONFIG` names a file of `OCR_<NAME>=value` lines, the form
that `docker --env-file` and systemd read too, so that one file serves all three.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import ByteSize, Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ocr_core.bundle.remote import default_cache
from ocr_core.images import MAX_PIXELS

CONFIG_VARIABLE = "OCR_CONFIG"
MODEL_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,63}(@[A-Za-z0-9][A-Za-z0-9._-]{0,63})?$"


class Settings(BaseSettings):
    """Frozen; read once when the process starts, never at import."""

    model_config = SettingsConfigDict(
        env_prefix="OCR_", env_ignore_empty=True, extra="forbid", frozen=True, protected_namespaces=()
    )

    host: str = Field(default="0.0.0.0", description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")

    model_store: str = Field(
        default="./models", description="Folder or fsspec URL (s3://…) that holds the model bundles; may be read-only."
    )
    model: str = Field(
        default="ppocrv6", pattern=MODEL_PATTERN, description="Bundle to serve, `name[@version]`; else its current one."
    )
    backend: Literal["auto", "openvino", "onnxruntime", "cuda"] = Field(
        default="auto", description="Engine that computes the networks. A named one that cannot be had is an error."
    )
    precision: Literal["auto", "f32", "bf16"] = Field(
        default="auto",
        description="Numbers that OpenVINO computes in. `auto`: bfloat16 where the processor has matrix units for it.",
    )
    threads: int | None = Field(
        default=None, ge=1, description="Cores to compute on. Unset: as many as the cgroup quota and affinity allow."
    )
    cache_dir: Path = Field(
        default_factory=lambda: default_cache().parent,
        description="Folder for compiled models and for bundles fetched from a remote store; makes later starts fast.",
    )

    max_concurrent_requests: int = Field(
        default=64,
        ge=1,
        description="Reading requests inside at a time, uploads under way included; more get 429. Bounds the memory "
        "that uploads hold: at most this many times the payload limit.",
    )
    max_queue_size: int = Field(
        default=64,
        ge=1,
        description="Images waiting for a free thread; more get 429. A longer queue would only be answered after its "
        "clients have given up: at half a second an image 64 of them fill the default deadline.",
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
    max_pixels: int = Field(
        default=MAX_PIXELS,
        ge=1,
        description="Pixels of an image, as told by its header before anything is decoded; more get 413. A decoded "
        "pixel takes 3 bytes: 150 MB an image at the default, room for a 48-megapixel photograph.",
    )
    request_timeout_seconds: float = Field(
        default=30.0,
        gt=0,
        description="Deadline of a request that names none by `X-Request-Timeout-Ms`, counted from its first byte.",
    )
    max_request_timeout_seconds: float = Field(
        default=60.0,
        gt=0,
        description="Longest deadline that a client may ask for; longer ones are cut to it. The last bucket of the "
        "duration histogram ends here.",
    )

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least level that is logged. Probes and scrapes log at `debug`."
    )
    log_format: Literal["json", "console"] = Field(
        default="json", description="`json`: one object a line, for collectors. `console`: for people."
    )

    @model_validator(mode="after")
    def _a_full_batch_fits_the_queue(self) -> Settings:
        if self.max_queue_size < self.max_client_batch_size:
            raise ValueError("OCR_MAX_QUEUE_SIZE must not be smaller than OCR_MAX_CLIENT_BATCH_SIZE")
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
