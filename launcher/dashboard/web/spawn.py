"""A `windlass` command in the background: an argument list, no shell, and a session of its own that outlives us."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from launcher.runs import unwritable

FOLDER = ".dashboard"
"""In a runs directory; what commands that the page started have printed."""
MAX_SAID_BYTES = 4096

_MAIN = "from launcher.cli import main; main()"
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spawned:
    """A command that was started."""

    process: subprocess.Popen[bytes]
    output: Path
    offset: int  # where its own output begins

    @property
    def exit_code(self) -> int | None:
        """None while it works."""
        return self.process.poll()

    def said(self) -> str:
        """The end of what it printed: its error, where there is one."""
        with self.output.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(self.offset, size - MAX_SAID_BYTES))
            text = _ESCAPES.sub("", file.read().decode(errors="replace"))
        _, error, message = text.rpartition("error: ")
        return message.strip() if error else text.strip()


def spawn(arguments: Sequence[str], *, runs_dir: Path, name: str) -> Spawned:
    """Start a command on the runs in a directory; `name` is that of the file in which its output goes on.

    Raises:
        RequestError: the directory can't be written.
    """
    path = runs_dir / FOLDER / f"{name}.log"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        output = path.open("ab")
    except OSError as error:
        raise unwritable(error) from error
    with output:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", _MAIN, *arguments],  # -P: no module of the working directory in ours' place
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "WINDLASS_RUNS_DIR": str(runs_dir)},
            start_new_session=True,
        )
        offset = output.tell()
    threading.Thread(target=process.wait, name=f"reaps {name}", daemon=True).start()
    return Spawned(process=process, output=path, offset=offset)
