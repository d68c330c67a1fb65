"""Every exception that Windlass raises on purpose.

    WindlassError
    ├── RequestError     the request was wrong: nothing has started, exit code 2
    │   └── DataError    the data are wrong: missing, unreadable, or not what the config says
    ├── NonFiniteError   a loss or gradient became NaN or infinite
    └── EngineError      workers could not be started or watched

A message names what is wrong, the value, what is allowed and the override to type.
"""

from __future__ import annotations


class WindlassError(Exception):
    """Base of every error that is reported to the user without a traceback."""

    exit_code = 1


class RequestError(WindlassError):
    """The request was wrong; nothing was started and nothing is left behind."""

    exit_code = 2


class DataError(RequestError):
    """The data are missing, unreadable, or not what the config says."""


class NonFiniteError(WindlassError):
    """A loss or a gradient became NaN or infinite."""


class EngineError(WindlassError):
    """The engine could not start or watch its workers."""
