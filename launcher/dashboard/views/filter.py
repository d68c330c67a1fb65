"""The filter of the table of runs: `lr<1e-3 and (state=running or tags~baseline)`.

    filter      any { "or" any }
    any         each { ["and"] each }
    each        "not" each | "(" filter ")" | name sign value | word
    sign        = != < <= > >= ~                    ~ means: contains
    name        a column, config key or metric; see `Known`
    value       a number, a word, or "a text in quotes"; null for no value

A word alone is looked for in id, name and tags.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from launcher.config.nearest import did_you_mean, listed
from launcher.dashboard.reading.glance import STATES
from launcher.dashboard.views.columns import NUMERIC, Column, Known
from launcher.dashboard.views.literals import Literal, as_time, fits, make_literal
from launcher.errors import RequestError

if TYPE_CHECKING:
    from launcher.dashboard.index.index import Row

Predicate = Callable[["Row"], bool]

MAX_LENGTH = 2000
MAX_DEPTH = 50
SIGNS = ("=", "!=", "<", "<=", ">", ">=", "~")
JOINING = ("and", "or", "not")
ELSEWHERE = {"&&": "and", "&": "and", "||": "or", "|": "or"}
"""How other languages write what is a word here."""
TOKEN = re.compile(
    r"""\s*(?:
      (?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<sign><=|>=|!=|==|=|<|>|~)
    | (?P<bracket>[()])
    | (?P<word>[^\s"'()=<>!~]+)
    | (?P<end>\Z)
    | (?P<odd>.)
    )""",
    re.VERBOSE | re.DOTALL,
)
ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def parse(text: str, known: Known) -> Predicate:
    """Which rows a filter lets through; an empty one all.

    Raises:
        RequestError: it can't be understood, or a name means nothing in `known`.
    """
    if len(text) > MAX_LENGTH:
        raise RequestError(f"the filter has {len(text)} characters; it may have {MAX_LENGTH}")
    parser = _Parser(_tokens(text), known)
    return parser.whole()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Token:
    kind: str  # quoted, sign, bracket, word or end
    text: str
    place: int  # number of its first character, from 1

    def means(self, word: str) -> bool:
        """Whether it is a word of the grammar."""
        return self.kind in ("word", "bracket") and self.text.lower() == word

    @property
    def is_text(self) -> bool:
        """Whether it can be a name or a value."""
        return self.kind == "quoted" or (self.kind == "word" and self.text.lower() not in JOINING)

    @property
    def shown(self) -> str:
        return "the end" if self.kind == "end" else self.text


def _tokens(text: str) -> list[_Token]:
    tokens = []
    for match in TOKEN.finditer(text):
        kind = match.lastgroup
        assert kind is not None
        token = _Token(kind=kind, text=match[kind], place=match.start(kind) + 1)
        if kind == "odd":
            what = "is not followed by =; type != or not" if token.text == "!" else "opens a quote that nothing closes"
            raise _wrong(token, f"{token.text} {what}")
        tokens.append(token)
        if kind == "end":
            break
    return tokens


def _wrong(token: _Token, message: str) -> RequestError:
    where = "at the end" if token.kind == "end" else f"at character {token.place}"
    return RequestError(f"filter, {where}: {message}")


class _Parser:
    def __init__(self, tokens: list[_Token], known: Known) -> None:
        self._tokens, self._known = tokens, known
        self._at = self._depth = 0

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._next
        self._at += 1
        return token

    def whole(self) -> Predicate:
        if self._next.kind == "end":
            return lambda row: True
        predicate = self._any()
        if self._next.kind != "end":
            raise _wrong(self._next, "this ) closes nothing")
        return predicate

    def _any(self) -> Predicate:
        some = [self._all()]
        while self._next.means("or"):
            self._take()
            some.append(self._all())
        return some[0] if len(some) == 1 else lambda row: any(each(row) for each in some)

    def _all(self) -> Predicate:
        every = [self._each()]
        while not (self._next.kind == "end" or self._next.means("or") or self._next.means(")")):
            if self._next.means("and"):
                self._take()
            every.append(self._each())
        return every[0] if len(every) == 1 else lambda row: all(each(row) for each in every)

    def _each(self) -> Predicate:
        token = self._take()
        if token.means("not") or token.means("("):
            self._depth += 1
            if self._depth > MAX_DEPTH:
                raise _wrong(token, f"not and ( may stand in each other {MAX_DEPTH} times")
            predicate = self._negated() if token.means("not") else self._bracket(token)
            self._depth -= 1
            return predicate
        if token.kind == "word" and token.text in ELSEWHERE:
            raise _wrong(token, f"type {ELSEWHERE[token.text]} instead of {token.text}")
        if not token.is_text:
            raise _wrong(token, f"a comparison such as lr<1e-3 or a word should stand here, not {token.shown}")
        return self._comparison(token) if self._next.kind == "sign" else _holds(_text(token))

    def _negated(self) -> Predicate:
        predicate = self._each()
        return lambda row: not predicate(row)

    def _bracket(self, opening: _Token) -> Predicate:
        predicate = self._any()
        if not self._next.means(")"):
            raise _wrong(opening, "nothing closes this (")
        self._take()
        return predicate

    def _comparison(self, name: _Token) -> Predicate:
        try:
            column = self._known.find(_text(name))
        except RequestError as error:
            raise _wrong(name, str(error)) from error
        sign, value = self._take(), self._take()
        if value.kind == "sign":
            raise _wrong(value, f"{sign.text}{value.text} is no sign; signs are {listed(SIGNS)}")
        if not value.is_text:
            raise _wrong(value, f"a value should follow {_text(name)}{sign.text}, such as {_text(name)}{sign.text}1e-3")
        return self._compare(column, sign.text.replace("==", "="), value)

    def _compare(self, column: Column, sign: str, token: _Token) -> Predicate:
        literal = make_literal(_text(token), is_quoted=token.kind == "quoted")
        if sign != "~" and not literal.is_null:
            literal = self._checked(column, literal, token)
        value = column.value
        return lambda row: fits(value(row), sign, literal)

    def _checked(self, column: Column, literal: Literal, token: _Token) -> Literal:
        """The literal as one that a column of such a kind can have."""
        if column.kind in NUMERIC and literal.number is None:
            raise _wrong(token, f"{column.name} is a number, and {_text(token)} is none")
        if column.kind == "time" and literal.number is None:
            time = as_time(_text(token))
            if time is None:
                raise _wrong(token, f"{_text(token)} is no time; type it as 2026-01-31 or 2026-01-31T14:00")
            return Literal(text=literal.text, number=time, is_null=False)
        states = dict.fromkeys((*STATES, *self._known.states))
        if column.kind == "state" and literal.text not in states:
            raise _wrong(
                token,
                f"no state is called {literal.text}{did_you_mean(literal.text, states)}; "
                f"states are {listed(states, conjunction='and')}",
            )
        return literal


def _text(token: _Token) -> str:
    """What was typed, without quotes."""
    return ESCAPED.sub(r"\1", token.text[1:-1]) if token.kind == "quoted" else token.text


def _holds(word: str) -> Predicate:
    """A word somewhere in what a run is called."""
    wanted = word.casefold()

    def holds(row: Row) -> bool:
        names = (row.id, row.glance.name or "", *row.glance.tags)
        return any(wanted in str(name).casefold() for name in names)

    return holds
