"""Where the threads of a worker stand: written by itself, by a timer in C where it can't, and read after its end."""

from __future__ import annotations

import contextlib
import faulthandler
import linecache
import os
import re
import sys
import sysconfig
import threading
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import psutil

import launcher
from launcher.runs.hang import stacks_paths

STACK_FRAMES = 8
WARNINGS = 2
"""One may come from a worker that was stopped for long and goes on; two come from one that is stuck."""
LEAST_S = 2.0
"""Between two warnings; several looks of the worker's own thread, which takes the first one back."""

_LIBRARIES = tuple(sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib"))
_OURS = tuple(str(Path(launcher.__file__).parents[1] / room) + os.sep for room in ("launcher", "models"))
_HEAD = re.compile(r"rank (\d+), pid (\d+), main thread 0x([0-9a-f]+)\n")
_WARNING = re.compile(r"^Timeout \((\d+):(\d\d):(\d\d)(\.\d+)?\)!$", re.MULTILINE)
_FRAME = re.compile(r'^  File "(.*)", line (\d+) in (.*)$', re.MULTILINE)

Stack = list[tuple[str, int, str]]
"""File, line and function of each frame, innermost first."""


class Watchdog:
    """faulthandler's timer, which needs no lock of the interpreter: writes the stacks half way to a limit and at it.

    It must not end the process: a worker that was stopped (SIGSTOP) for longer would die the moment it goes on. Such a
    worker arms again, which takes the first warning back; one that is stuck leaves a second, and `end_stuck` kills it.
    """

    def __init__(self, path: Path, *, rank: int) -> None:
        self._path = path
        self._head = f"rank {rank}, pid {os.getpid()}, main thread 0x{threading.main_thread().ident:016x}\n".encode()
        self._file: int | None = None
        self._lock = threading.Lock()
        self._is_closed = False

    def arm(self, seconds: float | None) -> None:
        """Warn in half the seconds and again at their end, instead of what was asked before; None for never."""
        if seconds is None and self._file is None:
            return  # the timer may be the user's
        with self._lock:
            faulthandler.cancel_dump_traceback_later()
            if self._file is not None and os.fstat(self._file).st_size > len(self._head):
                os.ftruncate(self._file, len(self._head))
            if seconds is not None and not self._is_closed:
                faulthandler.dump_traceback_later(max(seconds / 2, LEAST_S), repeat=True, file=self._open())

    def write(self) -> None:
        """Write each thread's stack now."""
        faulthandler.dump_traceback(file=self._open(), all_threads=True)

    def end_after(self, seconds: float) -> None:
        """End this process then, whatever its threads do; nothing is written."""
        faulthandler.dump_traceback_later(seconds, exit=True, file=os.open(os.devnull, os.O_WRONLY))

    def close(self) -> None:
        """Warn no more, and remove the file."""
        with self._lock:
            self._is_closed = True
            faulthandler.cancel_dump_traceback_later()
            self._path.unlink(missing_ok=True)

    def _open(self) -> int:
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
            os.write(self._file, self._head)
        return self._file


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """What the watchdog of a rank wrote."""

    rank: int
    pid: int
    num_warnings: int
    seconds: float  # from the last sign of life to the last warning
    stack: Stack  # of the main thread


def read_warnings(path: Path) -> Warned | None:
    """The warnings in a file of stacks; None where there are none."""
    text = path.read_text(encoding="utf-8", errors="replace")
    head, warnings = _HEAD.match(text), list(_WARNING.finditer(text))
    if head is None or not warnings:
        return None
    last = warnings[-1]
    threads = text[last.end() :].split("hread 0x")[1:]
    main = next((thread for thread in threads if thread.startswith(head[3])), "")
    return Warned(
        rank=int(head[1]),
        pid=int(head[2]),
        num_warnings=len(warnings),
        seconds=len(warnings) * (int(last[1]) * 3600 + int(last[2]) * 60 + int(last[3]) + float(last[4] or 0)),
        stack=[(file, int(line), function) for file, line, function in _FRAME.findall(main)],
    )


def end_stuck(directory: Path) -> list[int]:
    """Kill the children of this process that left two warnings in an attempt's directory; returns their ranks.

    The agent calls it about once a second: such a worker holds the interpreter's lock and can't end itself.
    """
    ended = []
    for path in stacks_paths(directory):
        with contextlib.suppress(OSError, psutil.NoSuchProcess):
            warned = read_warnings(path)
            if warned is not None and warned.num_warnings >= WARNINGS:
                worker = psutil.Process(warned.pid)
                if worker.ppid() == os.getpid() and worker.status() != psutil.STATUS_ZOMBIE:
                    worker.kill()
                    ended.append(warned.rank)
    return ended


def locate(frame: FrameType) -> dict[str, Any]:
    """Where a thread stands: `place` of its stack, and the last frames as `stack`."""
    stack = [(frame.f_code.co_filename, line, frame.f_code.co_name) for frame, line in traceback.walk_stack(frame)]
    return {**place(stack), "stack": words(stack)}


def place(stack: Stack) -> dict[str, Any]:
    """`where` a stack is in code that is no library's (file, line, function, source), and what it is `waiting` for.

    `waiting` is "collective" inside torch.distributed, "backward" where autograd runs, which may wait there too.
    """
    index = next((index for index, (file, *_) in enumerate(stack) if not is_library(file)), len(stack))
    inner = [file.replace(os.sep, "/") for file, *_ in stack[:index]]
    waiting = "collective" if any("/torch/distributed/" in file for file in inner) else None
    if waiting is None and any("/torch/autograd/" in file for file in inner):
        waiting = "backward"
    where = None
    if index < len(stack):
        file, line, function = stack[index]
        source = linecache.getline(file, line).strip()
        where = {"file": file, "line": line, "function": function, "source": source, "ours": file.startswith(_OURS)}
    return {"where": where, "waiting": waiting}


def words(stack: Stack) -> str:
    """The innermost frames as Python prints a traceback, innermost last; without what starts a process."""
    files = (file.replace(os.sep, "/") for file, *_ in stack)
    begin = next((index for index, file in enumerate(files) if "/torch/distributed/elastic/" in file), STACK_FRAMES)
    frames = [traceback.FrameSummary(*frame) for frame in reversed(stack[: min(begin, STACK_FRAMES)])]
    return "".join(traceback.format_list(frames))


def is_library(file: str) -> bool:
    """Whether a file belongs to Python or to an installed package other than this one."""
    if file.startswith(_OURS):
        return False
    return file.startswith(("<", *_LIBRARIES)) or "site-packages" in file or "dist-packages" in file


def flight_record() -> bytes | None:
    """torch's record of the last collectives as JSON, where it keeps one (`TORCH_FR_BUFFER_SIZE`)."""
    module = sys.modules.get("torch._C._distributed_c10d")
    for name in ("_dump_nccl_trace_json", "_dump_fr_trace_json"):
        dump = getattr(module, name, None)
        if dump is not None:
            with contextlib.suppress(Exception):  # private, and asked in a worker that ends anyway
                content: bytes | str = dump()
                content = content.encode() if isinstance(content, str) else content
                if b'"entries":[]' not in content and b'"entries"' in content:
                    return content
    return None
