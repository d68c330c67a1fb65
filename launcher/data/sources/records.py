"""Text files taken apart into samples, byte by byte, with what is wrong with each."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from launcher.errors import DataError

Record = tuple[int | None, bytes, str | None]
"""The line in which a sample begins (None where it is the file), its bytes, and why it can't be decoded."""

MAX_CELL = 2**31 - 1
UNUSED = "\x1f"


def whole_file(file: Path) -> Iterator[Record]:
    """The file as one sample."""
    content = file.read_bytes()
    yield None, content, _utf8_fault(content)


def parquet_file(file: Path) -> Iterator[Record]:
    """The file as one sample: of a damaged one no row can be told from another."""
    import pyarrow as pa
    from pyarrow import parquet

    fault = None
    try:
        with parquet.ParquetFile(file) as opened:
            for _ in opened.iter_batches():
                pass
    except (pa.ArrowException, OSError) as error:
        fault = f"not valid Parquet: {str(error).splitlines()[0].rstrip('.')}"
    yield None, b"", fault


def text_lines(file: Path) -> Iterator[Record]:
    """Each line."""
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            yield number, line, _utf8_fault(line)


def paragraphs(file: Path) -> Iterator[Record]:
    """Lines up to an empty one, which belongs to them."""
    first, waiting = 1, b""
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            waiting += line
            if line.strip() == b"":
                yield first, waiting, _utf8_fault(waiting)
                first, waiting = number + 1, b""
    if waiting:
        yield first, waiting, _utf8_fault(waiting)


def json_lines(file: Path) -> Iterator[Record]:
    """Each line as a JSON object."""
    for number, line, fault in text_lines(file):
        yield number, line, fault or (None if line.strip() == b"" else _json_fault(line.decode("utf-8-sig").rstrip()))


class CsvRows:
    """Each row below the header, which may go over several lines."""

    def __init__(self, separator: str) -> None:
        # A pattern, which pandas takes as well, is beyond this reader: it sees one cell a row, and no surplus.
        self.delimiter = separator if len(separator) == 1 else UNUSED

    def __call__(self, file: Path) -> Iterator[Record]:
        """The header is the first; without it nothing can be read.

        Raises:
            DataError: the header can't be decoded, or rows can't be told apart.
        """
        before = csv.field_size_limit(MAX_CELL)
        try:
            with file.open("rb") as stream:
                yield from self._rows(_Noted(stream), file)
        except csv.Error as error:
            raise DataError(f"{file} can't be read as csv: {error}") from error
        finally:
            csv.field_size_limit(before)

    def _rows(self, lines: _Noted, file: Path) -> Iterator[Record]:
        width = None
        for cells in csv.reader(lines, delimiter=self.delimiter):
            first, content = lines.take()
            fault = _utf8_fault(content) or self._quote_fault(content)
            if width is None:
                if fault is not None:
                    raise DataError(f"{file}, line {first}: the header can't be decoded: {fault}")
                width = len(cells) or None
            elif fault is None and len(cells) > width:
                fault = f"{len(cells)} cells for {width} columns"
            yield first, content, fault

    def _quote_fault(self, content: bytes) -> str | None:
        """A file that was cut off inside quotes ends in a row that never closes them."""
        if content.count(b'"') % 2:
            try:
                list(csv.reader(content.decode().splitlines(keepends=True), delimiter=self.delimiter, strict=True))
            except csv.Error as error:
                return "a quote that is never closed" if "unexpected end" in str(error) else None
        return None


class _Noted:
    """Lines as text, of which the bytes are kept until they are taken."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = iter(lines)
        self._taken: list[bytes] = []
        self._next = 1

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self._taken.append(line)
            yield line.decode(errors="surrogateescape")

    def take(self) -> tuple[int, bytes]:
        """The first line's number and the bytes of all lines since the last time."""
        first, lines = self._next, self._taken
        self._next, self._taken = first + len(lines), []
        return first, b"".join(lines)


def _utf8_fault(content: bytes) -> str | None:
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return f"not UTF-8: byte 0x{content[error.start]:02x}"
    return None


def _json_fault(line: str) -> str | None:
    try:
        value = json.loads(line, object_pairs_hook=_unique)
        if "\\ud" in line.lower():
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        return f"not valid JSON: {error.msg} at column {error.colno}"
    except UnicodeEncodeError:
        return "half of a surrogate pair"
    except ValueError as error:
        return str(error)
    return None if isinstance(value, dict) else f"not a JSON object: {line.strip()[:60]}"


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object; the reader takes no key twice, which Python would."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for place, (key, _) in enumerate(pairs) if key in dict(pairs[:place]))
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return found
