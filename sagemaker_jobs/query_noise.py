"""Queries as hurried shoppers type them: what an encoder should read as if it had been typed well.

A shopper's slips are of the fingers (a neighbouring key, two letters in the wrong order, one lost, one doubled), of
haste (a word left out) and of habit (another order of words, a plural for a singular). Words with a digit are left as
they are: with another digit a model number or a size asks for another product, and no encoder should be taught that it
does not.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal

import numpy as np

Slip = Literal["typo", "drop", "reorder", "number"]

SLIPS: Mapping[Slip, float] = MappingProxyType({"typo": 0.25, "drop": 0.1, "reorder": 0.2, "number": 0.15})
"""How often a query has each of them, in [0, 1], independently of the others; each strikes one word, or all of them
where it is their order. Roughly one query in two stays as it was: what is typed well is the rule in shops."""

_FEWEST_LETTERS = 4
"""A shorter word is too often another word when a letter changes."""
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


def _neighbouring_keys() -> dict[str, str]:
    """Of each letter of a QWERTY keyboard: the keys left and right of it, and those above and below, a half key off."""
    places = {
        letter: (row, column + row / 2) for row, letters in enumerate(_ROWS) for column, letter in enumerate(letters)
    }
    return {
        letter: "".join(
            other
            for other, (other_row, other_column) in places.items()
            if other != letter and abs(other_row - row) <= 1 and abs(other_column - column) <= 1
        )
        for letter, (row, column) in places.items()
    }


NEIGHBOURING_KEYS: Mapping[str, str] = MappingProxyType(_neighbouring_keys())


def noisy(
    text: str, generator: np.random.Generator, *, strength: float = 1.0, slips: Mapping[Slip, float] = SLIPS
) -> str:
    """A query with slips of one who types in a hurry, or as it is.

    Args:
        text: A query; white space between its words becomes single spaces wherever anything else changes.
        generator: The same state gives the same slips.
        strength: What the probabilities are multiplied with, at least 0; 0 changes nothing.
        slips: The probability of each, in [0, 1].

    Returns:
        A query with at least one word, if `text` has one.

    Raises:
        ValueError: If `strength` is negative or no number.
    """
    if not strength >= 0:
        raise ValueError(f"strength is {strength}, expected a number of at least 0")
    # Drawn for every slip whether it can strike or not, so that one query's words do not shift what follows.
    strikes = {slip: generator.random() < strength * share for slip, share in slips.items()}
    found = text.split()
    if not found or not any(strikes.values()):
        return text
    if strikes.get("drop") and len(found) > 1:
        del found[int(generator.integers(len(found)))]
    if strikes.get("number"):
        _strike(found, generator, other_number)
    if strikes.get("typo"):
        _strike(found, generator, lambda word: mistyped(word, generator))
    if strikes.get("reorder"):
        found = [found[place] for place in generator.permutation(len(found))]
    return " ".join(found)


def mistyped(word: str, generator: np.random.Generator) -> str:
    """A word with one slip of the fingers that is not in its first letter, which is seldom mistyped.

    Args:
        word: At least two letters.
        generator: Chooses the slip and its place.
    """
    at = int(generator.integers(1, len(word)))
    slip = generator.integers(4)
    if slip == 0 and (keys := NEIGHBOURING_KEYS.get(word[at].lower())):
        return word[:at] + keys[generator.integers(len(keys))] + word[at + 1 :]
    if slip == 1 and at + 1 < len(word) and word[at] != word[at + 1]:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if slip == 2:
        return word[: at + 1] + word[at:]
    return word[:at] + word[at + 1 :]


def other_number(word: str) -> str:
    """An English noun's plural for its singular, or the other way round, by its ending alone.

    >>> [other_number(word) for word in ("laptop", "cases", "battery", "batteries", "box", "boxes", "glass", "days")]
    ['laptops', 'case', 'batteries', 'battery', 'boxes', 'box', 'glasses', 'day']
    """
    hisses = ("s", "x", "z", "ch", "sh")
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "zes", "ches", "shes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    if word.endswith("y") and word[-2:-1] not in tuple("aeiou"):
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(hisses) else "s")


def _strike(found: list[str], generator: np.random.Generator, slip: Callable[[str], str]) -> None:
    """Let one of the words that can be mistyped slip; none where there is none."""
    places = [at for at, word in enumerate(found) if _can_slip(word)]
    if places:
        at = places[int(generator.integers(len(places)))]
        found[at] = slip(found[at])


def _can_slip(word: str) -> bool:
    """Long enough, of letters alone, and of a script with capitals: others are not typed letter by letter."""
    return len(word) >= _FEWEST_LETTERS and word.isalpha() and word.lower() != word.upper()
