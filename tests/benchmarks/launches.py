"""Ways to start the default run on two processes: our command, `accelerate launch` and `torchrun` of scripts."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import psutil

from launcher.config.compose import to_plain
from launcher.data.columns import Columns
from launcher.data.manifest import Manifest
from launcher.runs import Run, read_events
from tests.benchmarks.workspace import make_run

NUM_PROCESSES = 2
POLL_S = 0.01
GIVE_UP_S = 180.0
END_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What to type, and where its processes report and print."""

    words: list[str]
    events: Path
    log: Path
    environment: dict[str, str]


class Started:
    """A command that runs; `end` leaves nothing of it."""

    def __init__(self, command: Command) -> None:
        self._command = command
        self.began = time.time()
        with command.log.open("w") as log:
            self.process = psutil.Popen(
                command.words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **command.environment},
                cwd=command.log.parent,
            )

    def wait_for_step(self, step: int) -> dict[str, Any]:
        """The first report of this step or a later one.

        Raises:
            RuntimeError: the command ended before, or does not get there.
        """
        while time.time() - self.began < GIVE_UP_S and self.process.poll() is None:
            for event in self.events():
                if event["event"] == "step" and event["step"] >= step:
                    return event
            time.sleep(POLL_S)
        raise RuntimeError(f"no step {step} of {self._command.words}:\n{self.printed()}")

    def events(self) -> list[dict[str, Any]]:
        """What has been reported so far."""
        return [event for event, _ in read_events(self._command.events)]

    def printed(self) -> str:
        """The end of what its processes printed."""
        return self._command.log.read_text()[-2000:]

    def tree(self) -> list[psutil.Process]:
        """The command's process and all below it; none once it has ended."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return [self.process, *self.process.children(recursive=True)]
        return []

    def workers(self) -> list[psutil.Process]:
        """The processes that train: rank 0, whose pid is reported, and those that have the same parent."""
        for event in self.events():
            with contextlib.suppress(psutil.NoSuchProcess):
                if "pid" in event and (parent := psutil.Process(event["pid"]).parent()) is not None:
                    return parent.children()
        return []

    def end(self) -> None:
        """Stop the command and wait until every process of it is gone."""
        processes = self.tree()
        with contextlib.suppress(psutil.NoSuchProcess):
            self.process.send_signal(signal.SIGTERM)
        _, alive = psutil.wait_procs(processes, timeout=END_S)
        for process in alive:
            process.kill()


class Launches:
    """Commands over the same model and rows, which are prepared here once."""

    def __init__(self, space: Path, overrides: tuple[str, ...]) -> None:
        self._space = space
        self._overrides = (*overrides, "engine.device=cpu", f"engine.num_processes={NUM_PROCESSES}")
        run = make_run(*self._overrides)
        config, manifest = to_plain(run.config_path), Manifest.load(run.data_path)
        np.save(self._tokens, np.concatenate(Columns(Path(manifest.path) / "train", manifest).stream("tokens")))
        sections = {
            name: {key: value for key, value in config[name].items() if not key.startswith("_")}
            for name in ("model", "optimizer", "trainer")
        }
        self._settings.write_text(json.dumps(sections))

    @property
    def _tokens(self) -> Path:
        return self._space / "tokens.npy"

    @property
    def _settings(self) -> Path:
        return self._space / "settings.json"

    def ours(self) -> Started:
        """`windlass train`, with data that are prepared already."""
        directory = self._directory("windlass")
        run = Run(Path(os.environ["WINDLASS_RUNS_DIR"]) / directory.name)
        words = [*windlass(), "train", *self._overrides, f"run_id={run.id}"]
        return Started(Command(words=words, events=run.events_path, log=directory / "log", environment={}))

    def theirs(self) -> Started:
        """`accelerate launch` of the script.

        With `--cpu` it starts one process, whatever it is told; `--multi_gpu`, where the environment asks for the
        CPU, starts as many as it is told.
        """
        directory = self._directory("accelerate")
        events = directory / "events.jsonl"
        flags = ["--multi_gpu", f"--num_processes={NUM_PROCESSES}", "--num_machines=1", "--main_process_port=0"]
        flags += ["--mixed_precision=no", "--dynamo_backend=no", "--num_cpu_threads_per_process=1"]
        script = [str(Path(__file__).with_name("accelerate_train.py"))]
        script += [f"--settings={self._settings}", f"--tokens={self._tokens}", f"--events={events}"]
        accelerate = [sys.executable, "-m", "accelerate.commands.accelerate_cli", "launch"]
        words, environment = [*accelerate, *flags, *script], {"ACCELERATE_USE_CPU": "true"}
        return Started(Command(words=words, events=events, log=directory / "log", environment=environment))

    def torchrun(self, *, max_restarts: int, every_steps: int) -> Started:
        """`torchrun` of a script that takes checkpoints.

        With one store for the agent and the workers, which is its default, a second attempt over gloo finds keys of
        the first one and never forms a group: https://github.com/pytorch/pytorch/issues/135712
        """
        directory = self._directory("torchrun")
        events = directory / "events.jsonl"
        words = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        words += [f"--nproc-per-node={NUM_PROCESSES}", f"--max-restarts={max_restarts}"]
        words += [str(Path(__file__).with_name("torchrun_train.py")), f"--every-steps={every_steps}"]
        words += [f"--settings={self._settings}", f"--tokens={self._tokens}", f"--events={events}"]
        environment = {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}
        return Started(Command(words=words, events=events, log=directory / "log", environment=environment))

    def _directory(self, kind: str) -> Path:
        """A new directory for one start; its name is unique."""
        return Path(mkdtemp(prefix=f"{kind}-", dir=self._space))


def windlass() -> list[str]:
    """The installed command, else what it would run."""
    installed = Path(sys.executable).with_name("windlass")
    return [str(installed)] if installed.exists() else [sys.executable, "-c", "from launcher.cli import main; main()"]
