"""People's ratings of Icecat products for shop queries (given to the Chorus community); never used to train a model."""

import csv
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

FILE = "chorus/judgments.csv"

Judgments = Mapping[str, Mapping[str, float]]
"""Per query, in the file's order: product id -> rating, 0 (bad) to 3 (perfect)."""


def read_judgments(data: Path) -> Judgments:
    """All judged queries.

    Raises:
        FileNotFoundError: If `data` holds no judgments.
        ValueError: If a row has no rating from 0 to 3, or judges a product twice; the message names the line.
    """
    judgments: dict[str, dict[str, float]] = defaultdict(dict)
    with (data / FILE).open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        for row in rows:
            query, product_id = row["query"], row["product_id"]
            if row["rating"] not in ("0", "1", "2", "3"):
                raise ValueError(f"{FILE} line {rows.line_num}: rating {row['rating']!r}, expected 0 to 3")
            if product_id in judgments[query]:
                raise ValueError(f"{FILE} line {rows.line_num}: {query!r} rates product {product_id} again")
            judgments[query][product_id] = float(row["rating"])
    return dict(judgments)


def usable(judgments: Judgments) -> Judgments:
    """The queries with a product rated 1 or more; without one, every order is as good as any other."""
    return {query: ratings for query, ratings in judgments.items() if max(ratings.values()) >= 1}
