"""Who may come in: the token in the address that the terminal shows, and the cookie that a browser gets for it."""

from __future__ import annotations

import secrets
import time
from hmac import compare_digest

ONCE_S = 60.0


class Keys:
    """The secrets of one server; they end with it.

    The token in the printed address is seen by nobody but the user, and opens the dashboard in a second browser too.
    An address that is handed to a browser on its command line is seen by every user of the machine (`ps`): it has a
    token of its own, good for one exchange within a minute. Past the exchange only the cookie counts, another secret.
    """

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(32)
        self.cookie = secrets.token_urlsafe(32)
        self._once: dict[str, float] = {}

    def once(self) -> str:
        """A token for one exchange."""
        token = secrets.token_urlsafe(32)
        self._once[token] = time.monotonic() + ONCE_S
        return token

    def exchange(self, token: str) -> bool:
        """Whether a token is good; one that is good once is spent by it."""
        if _same(token, self.token):
            return True
        spent = next((each for each in self._once if _same(token, each)), None)
        return spent is not None and time.monotonic() < self._once.pop(spent)

    def knows(self, cookie: str | None) -> bool:
        """Whether a cookie is the one that was given."""
        return cookie is not None and _same(cookie, self.cookie)


def _same(given: str, kept: str) -> bool:
    """In a time that does not depend on where they differ."""
    return compare_digest(given.encode(), kept.encode())
