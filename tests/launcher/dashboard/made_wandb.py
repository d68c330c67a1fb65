"""`.wandb` files as W&B writes them, without W&B's service: fast, and broken where a test wants it."""

from __future__ import annotations

import json
import math
import struct
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from wandb.proto.wandb_internal_pb2 import HistoryRecord, Record, SummaryRecord

BLOCK, HEAD = 32768, 7
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4
STARTED = 1_790_000_000.0
"""When made runs began, unless said otherwise."""
METRICS = ("loss", "accuracy")
SYSTEM = ("cpu", "memory_percent", "gpu.0.gpu", "proc.memory.rssMB")

Row = Mapping[str, Any]


def frame(payloads: Iterable[bytes], *, version: int = 0) -> bytes:
    """Records as a `.wandb` file holds them: a header, then blocks of chunks with checksums."""
    out = bytearray(struct.pack("<4sHB", b":W&B", 0xBEE1, version))
    for payload in payloads:
        _append(out, payload)
    return bytes(out)


def _append(out: bytearray, payload: bytes) -> None:
    left, is_first = memoryview(payload), True
    while True:
        room = BLOCK - len(out) % BLOCK
        if room < HEAD:
            out += bytes(room)
            room = BLOCK
        part, left = left[: room - HEAD], left[room - HEAD :]
        kinds = (FULL, LAST) if not left else (FIRST, MIDDLE)
        kind = kinds[0] if is_first else kinds[1]
        out += struct.pack("<IHB", zlib.crc32(part, zlib.crc32(bytes([kind]))), len(part), kind) + part
        is_first = False
        if not left:
            return


def curves(count: int, metrics: Sequence[str] = METRICS, *, first_step: int = 0, started: float = STARTED) -> list[Row]:
    """Rows of smooth curves, one a second; the metrics differ from each other, and from run to run with the start."""
    rows = []
    for step in range(first_step, first_step + count):
        values = {
            name: math.exp(-step / (300 + 70 * index)) + 0.05 * math.sin(step * 0.7 + index + started % 97)
            for index, name in enumerate(metrics)
        }
        rows.append({**values, "_step": step, "_timestamp": started + step, "_runtime": float(step)})
    return rows


def write_wandb(
    directory: Path,
    *,
    run_id: str = "made",
    rows: int | Iterable[Row] = 20,
    metrics: Sequence[str] = METRICS,
    config: Mapping[str, Any] | None = None,
    exit_code: int | None = 0,
    started: float = STARTED,
    **more: Any,
) -> Path:
    """One attempt of a run, as W&B writes it offline below a directory; returns its `.wandb` file.

    `rows` is a number of them, for which `curves` makes `metrics`, or what each row holds, with `_step` and
    `_timestamp` where it says none. Without an exit code the run goes on, or was killed.

    Also taken: `name`, `project`, `group`, `tags`, `notes`, `host`, `program`, `args`; `first_step` of made rows;
    `stats`, how many records of system metrics; `console`, what was printed, a write each; `torn`, how many bytes are
    missing at the end; `version` of the file.
    """
    if isinstance(rows, int):
        rows = curves(rows, metrics, first_step=more.get("first_step", 0), started=started)
    payloads = [
        *_beginning(run_id, config or {}, started, more),
        *_stats(more.get("stats", 0), started),
        *_console(more.get("console", ()), started),
        *_rows(rows, started),
        *([] if exit_code is None else [_exit(exit_code)]),
    ]
    content = frame(payloads, version=more.get("version", 0))
    stamp = time.strftime("%Y%m%d_%H%M%S", time.localtime(started))
    path = directory / f"offline-run-{stamp}-{run_id}" / f"run-{run_id}.wandb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content[: len(content) - more.get("torn", 0)])
    return path


def history_payload(row: Row, *, num: int = 0) -> bytes:
    """A row of the history as a record."""
    record = HistoryRecord()
    for path, value in _leaves(row):
        record.item.add(nested_key=path, value_json=json.dumps(value))
    if "_step" in row:
        record.step.num = row["_step"]
    return Record(num=num, history=record).SerializeToString()


def summary_payload(values: Row) -> bytes:
    """Last values as a record."""
    record = SummaryRecord()
    for path, value in _leaves(values):
        record.update.add(nested_key=path, value_json=json.dumps(value))
    return Record(summary=record).SerializeToString()


def _leaves(values: Row, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*above, key))
        else:
            yield (*above, key), value


def _beginning(run_id: str, config: Mapping[str, Any], started: float, about: Mapping[str, Any]) -> Iterator[bytes]:
    header, run, environment = Record(num=1), Record(num=2), Record(num=3)
    header.header.version_info.producer = "0.31.0"
    run.run.run_id, run.run.project = run_id, about.get("project", "made")
    run.run.display_name, run.run.host = about.get("name", run_id), about.get("host", "here")
    run.run.run_group, run.run.notes = about.get("group") or "", about.get("notes", "")
    run.run.tags.extend(about.get("tags", ()))
    run.run.start_time.FromNanoseconds(round(started * 1e9))
    for key, value in {"_wandb": {}, **config}.items():
        run.run.config.update.add(key=key, value_json=json.dumps(value))
    environment.environment.program = about.get("program", "train.py")
    environment.environment.args.extend(about.get("args", ()))
    environment.environment.host = about.get("host", "here")
    environment.environment.started_at.FromNanoseconds(round(started * 1e9))
    for record in (header, run, environment):
        yield record.SerializeToString()


def _stats(count: int, started: float) -> Iterator[bytes]:
    for index in range(count):
        record = Record()
        record.stats.timestamp.FromNanoseconds(round((started + 5 * index) * 1e9))
        for place, key in enumerate(SYSTEM):
            record.stats.item.add(key=key, value_json=json.dumps(40.0 + 10 * place + index % 7))
        yield record.SerializeToString()


def _console(writes: Iterable[str], started: float) -> Iterator[bytes]:
    for index, text in enumerate(writes):
        record = Record()
        record.output_raw.line = text
        record.output_raw.timestamp.FromNanoseconds(round((started + index) * 1e9))
        yield record.SerializeToString()


def _rows(rows: Iterable[Row], started: float) -> Iterator[bytes]:
    for step, row in enumerate(rows):
        whole = {"_step": step, "_timestamp": started + step, **row}
        yield summary_payload({"_wandb": {"runtime": step}})
        yield summary_payload(whole)
        yield history_payload(whole, num=step + 4)


def _exit(exit_code: int) -> bytes:
    record = Record()
    record.exit.exit_code = exit_code
    record.exit.SetInParent()
    return record.SerializeToString()
