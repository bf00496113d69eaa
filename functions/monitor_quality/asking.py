"""Asking the live API what people have judged, as a shopper's browser would: over the network, one after the other."""

import http.client
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from relevance.contracts.quality import JudgedQuery, RelevanceFound
from relevance.judgments import Judgments
from relevance.quality import DEPTH, Quality, mean_quality, quality
from relevance.usual_relevance import beside_usual, mean_change

_ONE_SECONDS = 5.0
"""How long one answer may take."""


@dataclass(frozen=True)
class Answered:
    """One query's answer."""

    query: str
    took_ms: float
    product_ids: tuple[str, ...]
    degraded: bool


@dataclass(frozen=True)
class Asked:
    """What came of asking."""

    queries: int
    answers: Sequence[Answered]


class Api:
    """One connection to the API, opened again after a failure."""

    def __init__(self, address: str, index: str, key: str, clock: Callable[[], float]) -> None:
        self._parts = urlsplit(address)
        self._path = f"{self._parts.path.rstrip('/')}/1/indexes/{index}/query"
        self._headers = {"content-type": "application/json", "x-algolia-api-key": key}
        self._clock = clock
        self._connection: http.client.HTTPConnection | None = None

    def ask(self, query: str) -> Answered | None:
        """The answer to a query; None where there is none within seconds, or it is no answer."""
        body = {
            "query": query,
            "hitsPerPage": DEPTH,
            "attributesToRetrieve": ["objectID"],
            "attributesToHighlight": [],
            "analytics": False,
        }
        reused = self._connection is not None
        begun = self._clock()
        try:
            status, content = self._posted(json.dumps(body).encode())
        except (OSError, http.client.HTTPException):
            self.close()
            # what idled too long was closed at the other end, and says nothing of the API
            return self.ask(query) if reused else None
        took_ms = (self._clock() - begun) * 1000
        if status != 200:
            return None
        try:
            said: Mapping[str, Any] = json.loads(content)
            product_ids = tuple(str(hit["objectID"]) for hit in said["hits"])
            return Answered(query, took_ms, product_ids, bool(said["degraded"]))
        except (ValueError, KeyError, TypeError):
            return None

    def close(self) -> None:
        """End the connection; the next query opens another."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _posted(self, body: bytes) -> tuple[int, bytes]:
        if self._connection is None:
            secure = self._parts.scheme == "https"
            kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
            self._connection = kind(self._parts.hostname or "", self._parts.port, timeout=_ONE_SECONDS)
        self._connection.request("POST", self._path, body, self._headers)
        response = self._connection.getresponse()
        return response.status, response.read()


def ask_all(
    api: Api,
    queries: Iterable[str],
    *,
    per_second: float,
    seconds: float,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> Asked:
    """Ask queries one after the other, no faster than so many a second, until there are none left or the time is up."""
    begun = clock()
    asked, answers = 0, []
    for query in queries:
        if clock() - begun >= seconds:
            break
        asked += 1
        answer = api.ask(query)
        if answer is not None:
            answers.append(answer)
        ahead = begun + asked / per_second - clock()
        if ahead > 0:
            sleep(ahead)
    api.close()
    return Asked(asked, answers)


def nothing_answered(queries: int, before: Sequence[JudgedQuery]) -> RelevanceFound:
    """So many were asked in vain; what is known of them from before is kept."""
    return RelevanceFound(queries=queries, answered_share=0.0, by_query=beside_usual({}, before))


def relevance_found(asked: Asked, judgments: Judgments, before: Sequence[JudgedQuery] = ()) -> RelevanceFound:
    """What the answers are worth by people's ratings, beside what they usually are.

    Args:
        asked: Judged queries and their answers; nothing is said but the share where nothing was answered.
        judgments: The ratings.
        before: What the look before this one said of each query; of those that are judged no longer nothing is kept.
    """
    before = [one for one in before if one.query in judgments]
    if not asked.answers:
        return nothing_answered(asked.queries, before)
    qualities: list[Quality] = [quality(one.product_ids, judgments[one.query]) for one in asked.answers]
    found = {one.query: round(worth.ndcg, 4) for one, worth in zip(asked.answers, qualities, strict=True)}
    by_query = beside_usual(found, before)
    means = mean_quality(qualities)
    p50, p99 = np.percentile([one.took_ms for one in asked.answers], [50, 99]).tolist()
    count = len(asked.answers)
    return RelevanceFound(
        queries=asked.queries,
        answered_share=count / asked.queries,
        ndcg10=means["ndcg"],
        ndcg10_judged=means["ndcg_judged"],
        change=mean_change(by_query),
        judged_share=means["judged"],
        zero_hit_share=sum(not one.product_ids for one in asked.answers) / count,
        p50_ms=p50,
        p99_ms=p99,
        degraded_share=sum(one.degraded for one in asked.answers) / count,
        by_query=by_query,
    )
