"""Reading a function's own log by CloudWatch Logs Insights, within limits: of rows, and of time."""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from botocore.exceptions import BotoCoreError, ClientError

from functions.aws.clients import logs
from functions.aws.release_store import StoreUnavailable

_LOOK_AGAIN_SECONDS = 0.5
_ENDED = ("Failed", "Cancelled", "Timeout", "Unknown")


@dataclass(frozen=True)
class LogLines:
    """What a query found."""

    messages: tuple[str, ...]
    """Lines as they were written; at most as many as were wanted."""
    matched: int
    """How many there are."""


def log_lines(
    group: str,
    query: str,
    begins_at: datetime,
    ends_at: datetime,
    *,
    patience_seconds: float = 60.0,
    sleep: Callable[[float], None] = time.sleep,
) -> LogLines:
    """Ask the log of one group.

    Args:
        group: Its name.
        query: In the language of Logs Insights; it asks for the field `@message`, and limits its rows itself.
        begins_at, ends_at: The time that is looked at; whoever asks pays for all that was written in it.
        patience_seconds: After which the query is stopped.
        sleep: Between two looks at how far it is.

    Raises:
        StoreUnavailable: If CloudWatch does not answer, there is no such group, or it takes too long.
    """
    begin, end = int(begins_at.timestamp()), int(ends_at.timestamp()) - 1  # the last second belongs to it as well
    try:
        query_id = logs().start_query(logGroupName=group, startTime=begin, endTime=end, queryString=query)["queryId"]
        for _ in range(max(1, int(patience_seconds / _LOOK_AGAIN_SECONDS))):
            found = logs().get_query_results(queryId=query_id)
            if found["status"] == "Complete":
                rows = [{field["field"]: field["value"] for field in row} for row in found["results"]]
                messages = tuple(row["@message"] for row in rows if "@message" in row)
                matched = int(found.get("statistics", {}).get("recordsMatched", 0))
                return LogLines(messages, max(matched, len(messages)))
            if found["status"] in _ENDED:
                raise StoreUnavailable(f"the query of {group} ended as {found['status']}")
            sleep(_LOOK_AGAIN_SECONDS)
        with contextlib.suppress(BotoCoreError, ClientError):  # it ends by itself within an hour
            logs().stop_query(queryId=query_id)
    except (BotoCoreError, ClientError) as error:
        raise StoreUnavailable(f"the log {group} cannot be read: {error}") from error
    raise StoreUnavailable(f"the query of {group} had not ended after {patience_seconds:g} s")
