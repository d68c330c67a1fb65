"""Shell completion: Hydra's own, behind the verb that its scripts know nothing of."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from launcher.errors import RequestError

if TYPE_CHECKING:
    from hydra._internal.hydra import Hydra

_WORDS = {"train": (), "check": (), "parity": (), "runs": ("list", "show", "logs", "stop", "delete")}
"""What follows each verb of the command; nothing stands for overrides."""


def complete(request: Sequence[str], *, open_app: Callable[[list[str]], Hydra]) -> None:
    """Answer `-sc install=SHELL`, `uninstall=SHELL` or `query=SHELL` on stdout.

    A query has the line so far in the environment variable COMP_LINE; `open_app` makes Hydra from its flags.

    Raises:
        RequestError: the request names no shell that Hydra completes for.
    """
    command, _, shell = (request[0] if len(request) == 1 else "").partition("=")
    shells = open_app([]).get_shell_to_plugin_map(open_app([]).config_loader)
    if command not in ("install", "uninstall", "query") or shell not in shells:
        raise RequestError(
            f"{' '.join(['-sc', *request])} asks for nothing; to complete in bash, type "
            'eval "$(windlass train -sc install=bash)"; shells are ' + ", ".join(sorted(shells))
        )
    if command == "query":
        _query(shell, os.environ.get("COMP_LINE", ""), open_app)
    else:
        open_app([]).shell_completion(None, list(request))


def _query(shell: str, line: str, open_app: Callable[[list[str]], Hydra]) -> None:
    words = line.split()[1:]
    beginning = words[-1] if words and not line[-1].isspace() else ""
    before = words[:-1] if beginning else words
    if not before:
        print("\n".join(verb for verb in _WORDS if verb.startswith(beginning)))
    elif _WORDS.get(before[0]):
        print("\n".join(word for word in _WORDS[before[0]] if word.startswith(beginning) and len(before) == 1))
    elif before[0] in _WORDS:
        # Hydra's plugin takes the first word for the program and the rest for its arguments.
        os.environ["COMP_LINE"] = " ".join(["windlass", *before[1:], beginning])
        try:
            open_app(before[1:]).shell_completion("config", [f"query={shell}"])
        except Exception:
            return  # half a line is often no valid config; a shell shows no errors while one types
