"""A pydantic error in the words of the person who sent the value: the field, what it was, what was expected."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

_SHOWN_CHARACTERS = 60
_NAMED_FIELDS = 10
"""A thousand unknown fields would make a message of a megabyte."""


def shortened(value: Any) -> str:
    """A value as JSON, cut to a length that fits in a message."""
    written = json.dumps(value, ensure_ascii=False, default=str)
    if len(written) <= _SHOWN_CHARACTERS:
        return written
    return f"{written[:_SHOWN_CHARACTERS]}… ({len(written):,} characters)"


def expectations(model: type[BaseModel]) -> Mapping[str, str]:
    """By wire name, the field descriptions of a model, each of which completes "expected ..."."""
    return {field.alias or name: field.description or "another value" for name, field in model.model_fields.items()}


def complaints(error: ValidationError, expected: Mapping[str, str]) -> Iterator[str]:
    """One sentence per field, of the first ten: its name, the value it had, what it should have been.

    Args:
        error: Of a model whose fields have wire names.
        expected: What `expectations` said of that model.
    """
    named: set[str] = set()
    for entry in error.errors(include_url=False, include_context=False):
        if not entry["loc"]:
            yield str(entry["msg"]).removeprefix("Value error, ")
            continue
        field = str(entry["loc"][0])
        # A value that fits no kind of attribute is reported once per kind.
        name = f"{field}.{entry['loc'][1]}" if field == "attributes" and len(entry["loc"]) > 1 else field
        if name in named:
            continue
        if len(named) == _NAMED_FIELDS:
            return
        named.add(name)
        if entry["type"] == "missing":
            yield f"{name} is missing: expected {expected[field]}"
        elif entry["type"] == "extra_forbidden":
            yield f"{shortened(field)} is not known: expected one of {', '.join(expected)}"
        else:
            yield f"{name} is {shortened(entry['input'])}: expected {expected[field]}"
