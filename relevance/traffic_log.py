"""What the front door's log says of shoppers' searches: how to ask it, and how to read its lines."""

import json
from collections.abc import Iterable, Iterator
from typing import Final

from pydantic import ValidationError

from relevance.query_profile import QueryProfile

SEARCHED: Final = "searched"
"""The message of the line that the front door writes for each search."""
MOST_SEARCHES: Final = 10_000
"""As many rows as one query of Logs Insights gives; of more searches these are an even sample."""


def log_query(release_id: str) -> str:
    """In the language of Logs Insights: the searches of one release that can be compared.

    A search's id is drawn at random, so the first by id are a sample that no hour and no shopper is favoured in.
    """
    patterns = (f'"{SEARCHED}"', '"tokens":', release_id.replace(".", r"\."))
    filters = "".join(f" | filter @message like /{pattern}/" for pattern in patterns)
    return f"fields @message{filters} | sort query_id asc | limit {MOST_SEARCHES}"


def logged_searches(messages: Iterable[str], release_id: str) -> list[QueryProfile]:
    """The searches among lines of the log that one release answered; every other line is passed over."""
    return list(_searches(messages, release_id))


def _searches(messages: Iterable[str], release_id: str) -> Iterator[QueryProfile]:
    for message in messages:
        try:
            line = json.loads(message)
            if line["message"] == SEARCHED and line["release"] == release_id:
                yield QueryProfile.model_validate(line)
        except (ValueError, KeyError, TypeError, ValidationError):  # no line of ours, or of another version of it
            continue
