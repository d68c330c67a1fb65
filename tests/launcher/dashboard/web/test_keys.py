"""Tokens and the cookie."""

from __future__ import annotations

import time

import pytest

from launcher.dashboard.web.keys import ONCE_S, Keys


def test_two_servers_share_no_secret() -> None:
    one, other = Keys(), Keys()
    assert len({one.token, one.cookie, other.token, other.cookie}) == 4


def test_the_printed_token_opens_a_second_browser_too() -> None:
    keys = Keys()
    assert [keys.exchange(keys.token), keys.exchange(keys.token)] == [True, True]


def test_a_token_that_other_users_may_have_seen_is_good_once() -> None:
    keys = Keys()
    token = keys.once()
    assert [keys.exchange(token), keys.exchange(token)] == [True, False]


def test_a_token_for_one_exchange_ends_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = Keys()
    token, now = keys.once(), time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + ONCE_S + 1)
    assert not keys.exchange(token)


def test_neither_secret_stands_in_for_the_other() -> None:
    keys = Keys()
    assert not keys.exchange(keys.cookie)
    assert not keys.knows(keys.token)
    assert not keys.knows(None)
