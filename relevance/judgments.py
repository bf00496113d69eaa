"""People's ratings of products for queries: measured on, never trained on."""

import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from relevance.errors import VitrineError

FILE = "judgments.csv"
LINES = "judgments.jsonl"
_FIELDS = {"query", "product_id", "rating"}
_RATINGS = frozenset({"0", "1", "2", "3"})

Judgments = Mapping[str, Mapping[str, float]]
"""Per query, in the file's order: product id -> rating, 0 (bad) to 3 (perfect)."""


def read_judgments(file: Path) -> Judgments:
    """All judged queries of a table with the columns query, product_id and rating, or of JSON lines with these fields.

    Raises:
        VitrineError: If there is no such file, it is neither, a row has no rating from 0 to 3, or judges a product
            twice; the message names the line.
    """
    try:
        if file.suffix == ".jsonl":
            return judgments_of(file.read_text(encoding="utf-8"), str(file))
        with file.open(encoding="utf-8", newline="") as lines:
            rows = csv.DictReader(lines)
            if not set(rows.fieldnames or ()) >= _FIELDS:
                raise VitrineError(f"{file}: columns {rows.fieldnames}, expected query, product_id and rating")
            return _collected(((rows.line_num, row) for row in rows), str(file))
    except (FileNotFoundError, UnicodeDecodeError, csv.Error) as error:
        raise VitrineError(f"{file}: {error}") from error


def judgments_of(text: str, where: str) -> Judgments:
    """The same of JSON lines; `where` they come from stands in the message of what is refused."""

    def rows() -> Iterable[tuple[int, Mapping[str, Any]]]:
        for number, line in enumerate(text.splitlines(), start=1):
            try:
                row = json.loads(line)
            except ValueError as error:
                raise VitrineError(f"{where} line {number}: {error}") from None
            if not isinstance(row, dict) or not row.keys() >= _FIELDS:
                raise VitrineError(f"{where} line {number}: expected an object with query, product_id and rating")
            yield number, row

    return _collected(rows(), where)


def as_lines(judgments: Judgments) -> str:
    """Judgments as JSON lines, which `judgments_of` reads back."""
    return "".join(
        json.dumps({"query": query, "product_id": product_id, "rating": int(rating)}, ensure_ascii=False) + "\n"
        for query, ratings in judgments.items()
        for product_id, rating in ratings.items()
    )


def usable(judgments: Judgments) -> Judgments:
    """The queries with a product rated 1 or more; without one, every order is as good as any other."""
    return {query: ratings for query, ratings in judgments.items() if max(ratings.values()) >= 1}


def _collected(rows: Iterable[tuple[int, Mapping[str, Any]]], where: str) -> Judgments:
    judgments: dict[str, dict[str, float]] = defaultdict(dict)
    for number, row in rows:
        query, product_id = str(row["query"]), str(row["product_id"])
        if str(row["rating"]) not in _RATINGS:
            raise VitrineError(f"{where} line {number}: rating {row['rating']!r}, expected 0 to 3")
        if product_id in judgments[query]:
            raise VitrineError(f"{where} line {number}: {query!r} rates product {product_id} again")
        judgments[query][product_id] = float(row["rating"])
    return dict(judgments)
