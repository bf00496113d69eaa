"""Which products a search may show: Algolia's three filter parameters as one condition.

`filters` is a text with the whole boolean grammar, AND before OR, NOT before both, parentheses anywhere:

    brand:Sony AND (price < 100 OR rating >= 4) AND NOT attributes.colour:"Jet Black" AND price:10 TO 20

`facetFilters` and `numericFilters` are lists: all must hold, of an inner list any.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, cast

from relevance.complaints import shortened
from relevance.errors import BadRequest

MAX_DEPTH = 50
"""How deep parentheses and NOTs may nest."""
MAX_CONDITIONS = 1000
"""How many comparisons one filter may hold."""

Operator = Literal["<", "<=", "=", "!=", ">", ">="]


@dataclass(frozen=True)
class Is:
    """A facet has this value, whatever its case; for a number facet, this number."""

    facet: str
    value: str


@dataclass(frozen=True)
class Compares:
    """A number facet has a value that compares so."""

    facet: str
    operator: Operator
    number: float


@dataclass(frozen=True)
class Between:
    """A number facet has a value from `low` to `high`, both included."""

    facet: str
    low: float
    high: float


@dataclass(frozen=True)
class Not:
    """The condition does not hold."""

    condition: "Condition"


@dataclass(frozen=True)
class All:
    """Every condition holds."""

    conditions: tuple["Condition", ...]


@dataclass(frozen=True)
class Any_:
    """At least one condition holds."""

    conditions: tuple["Condition", ...]


Condition = Is | Compares | Between | Not | All | Any_

_OPERATORS = ("<=", ">=", "!=", "<", ">", "=")
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<symbol><=|>=|!=|[<>=():])
      | (?P<word>[^\s"'<>=!():]+)
    )""",
    re.VERBOSE,
)
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")


def parse_filters(text: str, *, field: str = "filters") -> Condition | None:
    """The condition that a text of the grammar states; None for a blank one.

    Raises:
        BadRequest: Naming the field, the position (from 1), what stands there and what was expected.
    """
    if not text.strip():
        return None
    return _Parser(text, field).whole()


def parse_lists(given: Any, *, field: str, one: Callable[[str], Condition]) -> Condition | None:
    """The condition that `facetFilters` or `numericFilters` states: a text, or a list of texts and lists of texts.

    Raises:
        BadRequest: If it is anything else, or a text in it is no condition.
    """
    if given is None or given == []:
        return None
    if isinstance(given, str):
        return one(given)
    if (
        not isinstance(given, list)
        or sum(len(part) if isinstance(part, list) else 1 for part in given) > MAX_CONDITIONS
    ):
        _refuse_list(given, field)
    conditions: list[Condition] = []
    for part in given:
        if isinstance(part, str):
            conditions.append(one(part))
        elif isinstance(part, list) and all(isinstance(inner, str) for inner in part):
            if part:
                conditions.append(Any_(tuple(one(inner) for inner in part)))
        else:
            _refuse_list(part, field)
    return both(*conditions)


def one_facet_filter(text: str) -> Condition:
    """`brand:Sony`, or `brand:-Sony` for all the others; a value that begins with a dash is written `brand:\\-5`."""
    facet, colon, value = text.partition(":")
    if not colon or not facet.strip() or not value:
        raise BadRequest(f'facetFilters is {shortened(text)}: expected facet and value, such as "brand:Sony"')
    facet = facet.strip()
    if value.startswith("\\-"):
        return Is(facet, value[1:])
    return Not(Is(facet, value[1:])) if value.startswith("-") else Is(facet, value)


def one_numeric_filter(text: str) -> Condition:
    """`price>=10` or `price:10 TO 20`."""
    condition = parse_filters(text, field="numericFilters")
    if not isinstance(condition, Compares | Between):
        raise BadRequest(f'numericFilters is {shortened(text)}: expected a comparison such as "price>=10"')
    return condition


def both(*conditions: Condition | None) -> Condition | None:
    """All of the conditions that there are."""
    stated = tuple(condition for condition in conditions if condition is not None)
    if len(stated) < 2:
        return stated[0] if stated else None
    return All(stated)


def _refuse_list(given: Any, field: str) -> NoReturn:
    raise BadRequest(
        f"{field} is {shortened(given)}: expected a list of at most {MAX_CONDITIONS} texts, or lists of texts"
    )


class _Parser:
    """Recursive descent: either := all (OR all)*; all := one (AND one)*; one := NOT one | ( either ) | comparison."""

    def __init__(self, text: str, field: str) -> None:
        self._text = text
        self._field = field
        self._place = 0
        self._conditions = 0

    def whole(self) -> Condition:
        condition = self._either(0)
        if self._peek()[1]:
            self._refuse("AND, OR or the end")
        return condition

    def _either(self, depth: int) -> Condition:
        parts = [self._all(depth)]
        while self._take_word("OR"):
            parts.append(self._all(depth))
        return parts[0] if len(parts) == 1 else Any_(tuple(parts))

    def _all(self, depth: int) -> Condition:
        parts = [self._one(depth)]
        while self._take_word("AND"):
            parts.append(self._one(depth))
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _one(self, depth: int) -> Condition:
        if depth > MAX_DEPTH:
            self._refuse(f"at most {MAX_DEPTH} levels of parentheses and NOT")
        if self._take_word("NOT"):
            return Not(self._one(depth + 1))
        if self._take_symbol("("):
            inner = self._either(depth + 1)
            if not self._take_symbol(")"):
                self._refuse('")"')
            return inner
        return self._comparison()

    def _comparison(self) -> Condition:
        self._conditions += 1
        if self._conditions > MAX_CONDITIONS:
            self._refuse(f"at most {MAX_CONDITIONS} comparisons")
        facet = self._name()
        for operator in _OPERATORS:
            if self._take_symbol(operator):
                return Compares(facet, cast(Operator, operator), self._number())
        if not self._take_symbol(":"):
            self._refuse('":" or one of < <= = != > >= behind the name of a facet')
        before = self._place
        value = self._value()
        if self._take_word("TO"):
            after, self._place = self._place, before
            low = self._number()
            self._place = after
            return Between(facet, low, self._number())
        return Is(facet, value)

    def _name(self) -> str:
        kind, token, _ = self._peek()
        if kind not in ("word", "quoted") or (kind == "word" and token in ("AND", "OR", "TO")):
            self._refuse('the name of a facet, NOT or "("')
        return self._next()

    def _value(self) -> str:
        kind, _, _ = self._peek()
        if kind not in ("word", "quoted"):
            self._refuse("a value")
        return self._next()

    def _number(self) -> float:
        kind, token, _ = self._peek()
        if kind != "word" or not _NUMBER.fullmatch(token):
            self._refuse("a number")
        return float(self._next())

    def _peek(self) -> tuple[str, str, int]:
        """Kind, text and end of the next token; all empty at the end."""
        match = _TOKEN.match(self._text, self._place)
        if match is None:
            rest = self._text[self._place :].strip()
            return ("odd" if rest else "", rest, self._place)
        kind = cast(str, match.lastgroup)
        return kind, match[kind], match.end()

    def _next(self) -> str:
        kind, token, self._place = self._peek()
        return re.sub(r"\\(.)", r"\1", token[1:-1]) if kind == "quoted" else token

    def _take_word(self, word: str) -> bool:
        return self._take("word", word)

    def _take_symbol(self, symbol: str) -> bool:
        return self._take("symbol", symbol)

    def _take(self, kind: str, token: str) -> bool:
        found, text, end = self._peek()
        if (found, text) != (kind, token):
            return False
        self._place = end
        return True

    def _refuse(self, expected: str) -> NoReturn:
        _, token, end = self._peek()
        position = end - len(token) + 1 if token and end > self._place else self._place + 1
        met = shortened(token) if token else "the end"
        raise BadRequest(f"{self._field} at position {position}: {met}, expected {expected}")
