"""People's ratings of products for queries: measured on, never trained on."""

import csv
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from relevance.errors import VitrineError

FILE = "judgments.csv"

Judgments = Mapping[str, Mapping[str, float]]
"""Per query, in the file's order: product id -> rating, 0 (bad) to 3 (perfect)."""


def read_judgments(file: Path) -> Judgments:
    """All judged queries of a file with the columns query, product_id and rating.

    Raises:
        VitrineError: If there is no such file, it is no such table, a row has no rating from 0 to 3, or judges a
            product twice; the message names the line.
    """
    judgments: dict[str, dict[str, float]] = defaultdict(dict)
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            rows = csv.DictReader(lines)
            if not {"query", "product_id", "rating"} <= set(rows.fieldnames or ()):
                raise VitrineError(f"{file}: columns {rows.fieldnames}, expected query, product_id and rating")
            for row in rows:
                query, product_id = row["query"], row["product_id"]
                if row["rating"] not in ("0", "1", "2", "3"):
                    raise VitrineError(f"{file} line {rows.line_num}: rating {row['rating']!r}, expected 0 to 3")
                if product_id in judgments[query]:
                    raise VitrineError(f"{file} line {rows.line_num}: {query!r} rates product {product_id} again")
                judgments[query][product_id] = float(row["rating"])
    except (FileNotFoundError, UnicodeDecodeError, csv.Error) as error:
        raise VitrineError(f"{file}: {error}") from error
    return dict(judgments)


def usable(judgments: Judgments) -> Judgments:
    """The queries with a product rated 1 or more; without one, every order is as good as any other."""
    return {query: ratings for query, ratings in judgments.items() if max(ratings.values()) >= 1}
