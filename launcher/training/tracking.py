"""Metrics to W&B, through a tracker that can never end the training it watches."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any, Literal, cast
from urllib.parse import urlparse

import wandb
from accelerate.tracking import GeneralTracker

from launcher.config.schema import TrackerConfig
from launcher.runs import Run

FLUSH_INTERVAL_S = 1
SYSTEM_METRICS_INTERVAL_S = 5.0
CONNECT_TIMEOUT_S = 5.0
START_TIMEOUT_S = 20.0

Mode = Literal["offline", "online"]


class WandbTracker(GeneralTracker):
    """A W&B run with the id of ours and every file inside the run directory.

    An error in any call is reported once and disables the tracker; training goes on. Exists on rank 0 only.
    """

    name = "wandb"
    requires_logging_directory = False
    main_process_only = True

    def __init__(self, run: Run, config: TrackerConfig, *, warn: Callable[[str], object]) -> None:
        super().__init__()
        self.exit_code = 0
        self._run = run
        self._config = config
        self._warn = warn
        self._wandb: Any = None

    @property
    def tracker(self) -> Any:
        """The `wandb.Run`, or None once it is lost."""
        return self._wandb

    def start(self) -> None:
        """Open the W&B run; `online` falls back to `offline` with one line where the server can't be reached."""
        for name in ("WANDB_DIR", "WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR"):
            # Else tables and artifacts are staged in the home directory and lost when the run is moved.
            os.environ[name] = str(self._run.path if name == "WANDB_DIR" else self._run.wandb_dir)
        # Before 0.31 the file stays empty for long; since then this interval decides what a reader can see.
        os.environ["WANDB_X_TRANSACTION_LOG_FLUSH_INTERVAL"] = str(FLUSH_INTERVAL_S)
        mode = cast("Mode", self._config.mode)  # the schema has checked it
        if mode == "online" and (obstacle := _obstacle()) is not None:
            self._warn(f"W&B can't be used online: {obstacle}; writing offline instead")
            mode = "offline"
        if mode == "online":
            try:
                self._init("online")
            except Exception as error:
                reason = " ".join(str(error).split())
                self._warn(f"W&B can't be used online: {reason}; writing offline instead")
                wandb.teardown()  # else the run that failed to start keeps our id
            else:
                return
        self._guard("start", lambda: self._init("offline"))

    def store_init_configuration(self, values: dict[str, Any]) -> None:
        """Store the resolved config."""
        self._guard("store the config", lambda: self._wandb.config.update(values, allow_val_change=True))

    def log(self, values: dict[str, Any], step: int | None = None, **kwargs: Any) -> None:
        """Log metrics at a global step."""
        self._guard("log", lambda: self._wandb.log(values, step=step))

    def summarize(self, values: dict[str, Any]) -> None:
        """Store final values."""
        self._guard("write the summary", lambda: self._wandb.summary.update(values))

    def finish(self) -> None:
        """End the run with `exit_code`."""
        self._guard("finish", lambda: self._wandb.finish(exit_code=self.exit_code))
        self._wandb = None

    def _init(self, mode: Mode) -> None:
        self._wandb = wandb.init(
            project=self._config.project,
            id=self._run.id,
            name=self._run.id,
            group=self._config.group,
            tags=self._config.tags,
            dir=self._run.path,
            mode=mode,
            resume="allow" if mode == "online" else None,
            settings=wandb.Settings(
                silent=True,
                init_timeout=START_TIMEOUT_S,
                console="wrap",
                disable_code=True,
                disable_git=True,
                x_stats_pid=os.getpid(),  # the module's default is the process that imported it, which forked us
                x_stats_sampling_interval=SYSTEM_METRICS_INTERVAL_S,
            ),
        )

    def _guard(self, what: str, call: Callable[[], Any]) -> None:
        if self._wandb is None and what != "start":
            return
        try:
            call()
        except Exception as error:
            self._wandb = None
            self._warn(f"W&B failed to {what}: {type(error).__name__}: {error}; training goes on without it")


def _obstacle() -> str | None:
    """Why the W&B server can't be used from here, or None."""
    settings = wandb.setup().settings
    url = urlparse(settings.base_url)
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        socket.create_connection((url.hostname or "", port), timeout=CONNECT_TIMEOUT_S).close()
    except OSError as error:
        return f"{settings.base_url} can't be reached ({error})"
    if settings.api_key is None and wandb.api.api_key is None:
        return "there is no API key (wandb login, or WANDB_API_KEY)"
    return None
