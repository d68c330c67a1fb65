"""Metrics to W&B, through a tracker that can never end the training it watches."""

from __future__ import annotations

import contextlib
import os
import queue
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, Literal, cast
from urllib.parse import urlparse

import psutil
import wandb
from accelerate.tracking import GeneralTracker

from launcher.config.schema import TrackerConfig
from launcher.runs import Run

FLUSH_INTERVAL_S = 1
SYSTEM_METRICS_INTERVAL_S = 5.0
CONNECT_TIMEOUT_S = 5.0
START_TIMEOUT_S = 20.0
STALL_TIMEOUT_S = 300.0
"""After so long in one call W&B is taken for hung; a slow disk is slow for less."""
FINISH_TIMEOUT_S = 60.0
"""How long the end of a run waits for W&B; what was not sent by then is on the disk for `wandb sync`."""
LEAVE_TIMEOUT_S = 10.0
"""The same where a run fails or is stopped: its time may be measured."""
MAX_WAITING = 100_000
"""Calls that wait in memory while W&B takes none."""

Mode = Literal["offline", "online"]


class WandbTracker(GeneralTracker):
    """A W&B run with the id of ours and every file inside the run directory.

    W&B is called by a thread of its own, because a call blocks while W&B's service does, for ever if it hangs. An
    error in a call, or a service that hangs, is reported once and disables the tracker; training goes on. Of several
    attempts of a run each has the same id, and the step that it says. Exists on rank 0 only.
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
        self._calls: queue.Queue[tuple[str, Callable[[], Any]] | None] = queue.Queue()
        self._thread = threading.Thread(target=self._call_all, name="tracker", daemon=True)
        self._moved = time.monotonic()  # when the thread last took a call, or had none to take
        self._gave_up = threading.Lock()

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
        try:
            self._init("offline")
        except Exception as error:
            self._give_up("start", error)

    def store_init_configuration(self, values: dict[str, Any]) -> None:
        """Store the resolved config."""
        self._call("store the config", lambda run: run.config.update(values, allow_val_change=True))

    def log(self, values: dict[str, Any], step: int | None = None, **kwargs: Any) -> None:
        """Log metrics at a global step; never waits."""
        self._call("log", lambda run: run.log(values, step=step))

    def summarize(self, values: dict[str, Any]) -> None:
        """Store final values."""
        self._call("write the summary", lambda run: run.summary.update(values))

    def finish(self) -> None:
        """End the run with `exit_code`, once all calls before are through."""
        self._call("finish", lambda run: run.finish(exit_code=self.exit_code))
        if self._wandb is None:
            return
        self._calls.put(None)
        timeout_s = FINISH_TIMEOUT_S if self.exit_code == 0 else LEAVE_TIMEOUT_S
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            self._give_up("finish", TimeoutError(f"no answer for {timeout_s:.0f} s"))
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

    def _call(self, what: str, call: Callable[[Any], Any]) -> None:
        """Have the thread call W&B, unless it is lost, or is found to be."""
        run = self._wandb
        if run is None:
            return
        if not self._thread.is_alive():
            self._thread.start()
        if self._calls.empty():
            self._moved = time.monotonic()
        stalled_s = time.monotonic() - self._moved
        if stalled_s > STALL_TIMEOUT_S or self._calls.qsize() > MAX_WAITING:
            self._give_up(what, TimeoutError(f"no answer for {stalled_s:.0f} s"))
            return
        self._calls.put((what, lambda: call(run)))

    def _call_all(self) -> None:
        while (item := self._calls.get()) is not None and self._wandb is not None:
            what, call = item
            self._moved = time.monotonic()
            try:
                call()
            except Exception as error:
                self._give_up(what, error)

    def _give_up(self, what: str, error: Exception) -> None:
        """Say so, once, and end W&B's service: what hangs in a call to it comes back."""
        with self._gave_up:
            lost, self._wandb = self._wandb is None and what != "start", None
        if not lost:
            _kill_service()
            self._warn(f"W&B failed to {what}: {type(error).__name__}: {error}; training goes on without it")


def _kill_service() -> None:
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if child.name().startswith("wandb"):
                for process in (*child.children(recursive=True), child):
                    process.kill()


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
