"""The `datasets` library, kept quiet and out of the user's way."""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

scratch_dir: ContextVar[Path | None] = ContextVar("scratch_dir", default=None)
"""Where the library may keep what it reads from local files; None is its own cache.

Preparation has a cache of its own: a second copy of the user's files would only take space and could go stale."""


@contextlib.contextmanager
def quiet(scratch: Path) -> Iterator[None]:
    """Inside, the library shows no bars, logs no lines and reports no use; local files are read into `scratch`."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # read at the import, so before it
    import datasets
    from huggingface_hub.utils import logging as hub_logging

    had_bars = datasets.are_progress_bars_disabled() is False
    verbosity, hub_verbosity = datasets.logging.get_verbosity(), hub_logging.get_verbosity()
    token = scratch_dir.set(scratch)
    datasets.disable_progress_bars()
    datasets.logging.set_verbosity(logging.CRITICAL)
    hub_logging.set_verbosity(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        scratch_dir.reset(token)
        datasets.logging.set_verbosity(verbosity)
        hub_logging.set_verbosity(hub_verbosity)
        if had_bars:
            datasets.enable_progress_bars()
        # `tokenizers` ran threads; without this it warns whenever a worker is forked from now on.
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def root_cause(error: BaseException) -> str:
    """The first line of the error at the bottom of a chain of wrapped ones."""
    while error.__cause__ is not None:
        error = error.__cause__
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
