"""The folder that `prepare` writes and every other job of training reads.

products.jsonl     the catalogue, as `prepare_catalogue` writes it
queries.jsonl      `QueryLine`: what was asked, or may be asked, and in which split it is
pairs.jsonl        `PairLine`: how well products answer these queries
impressions.jsonl  `ImpressionLine`: pages that were shown; empty where there is no traffic yet
baskets.jsonl      `BasketLine`: what shoppers bought, in the order of time; empty where nobody did
statistics.json    counts and distributions, which `check_data` compares with the last accepted data's
report.json        where the data come from, what was refused and why, `sha256` of the lines above
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from relevance.catalogue import read_catalogue
from relevance.contracts.products import Product
from relevance.contracts.training import BasketLine, ImpressionLine, PairLine, QueryLine, Split
from relevance.errors import VitrineError

PRODUCTS, QUERIES, PAIRS = "products.jsonl", "queries.jsonl", "pairs.jsonl"
IMPRESSIONS, BASKETS = "impressions.jsonl", "baskets.jsonl"
STATISTICS, REPORT = "statistics.json", "report.json"
HASHED = (PRODUCTS, QUERIES, PAIRS, IMPRESSIONS, BASKETS)
"""What a data set's sha256 is of, in this order."""

Line = TypeVar("Line", bound=BaseModel)


@dataclass(frozen=True)
class Dataset:
    """What `prepare` wrote, read when it is asked for."""

    folder: Path

    @cached_property
    def products(self) -> Sequence[Product]:
        """In the order that rows of vectors follow.

        Raises:
            VitrineError: If the file is missing, or a line is no product.
        """
        with self._opened(PRODUCTS) as file:
            catalogue = read_catalogue(file)
        if catalogue.refused:
            raise VitrineError(f"{self.folder / PRODUCTS}: {catalogue.refused[0]}")
        return catalogue.products

    @cached_property
    def row_of(self) -> dict[str, int]:
        """Product id -> row."""
        return {product.product_id: row for row, product in enumerate(self.products)}

    @cached_property
    def queries(self) -> Sequence[QueryLine]:
        """All of them, whatever their split."""
        return self._lines(QUERIES, QueryLine)

    @cached_property
    def pairs(self) -> Sequence[PairLine]:
        """Of all queries."""
        return self._lines(PAIRS, PairLine)

    @cached_property
    def impressions(self) -> Sequence[ImpressionLine]:
        """In the order of time."""
        return self._lines(IMPRESSIONS, ImpressionLine)

    @cached_property
    def baskets(self) -> Sequence[BasketLine]:
        """In the order of time."""
        return self._lines(BASKETS, BasketLine)

    @property
    def report(self) -> dict[str, Any]:
        """`report.json`; `source` and `sha256` are always there."""
        with self._opened(REPORT) as file:
            report: dict[str, Any] = json.load(file)
        return report

    def queries_of(self, split: Split) -> list[QueryLine]:
        """The queries of one split, in the file's order."""
        return [query for query in self.queries if query.split == split]

    def pairs_by_query(self) -> dict[str, list[PairLine]]:
        """Query id -> its pairs, in the file's order; raises VitrineError for a pair of no query."""
        found: dict[str, list[PairLine]] = {query.query_id: [] for query in self.queries}
        for pair in self.pairs:
            if pair.query_id not in found:
                raise VitrineError(f"{self.folder / PAIRS}: a pair is of query {pair.query_id!r}, which is not there")
            found[pair.query_id].append(pair)
        return found

    def _lines(self, name: str, kind: type[Line]) -> list[Line]:
        found = []
        with self._opened(name) as file:
            for number, line in enumerate(file, start=1):
                try:
                    found.append(kind.model_validate_json(line))
                except ValidationError as error:
                    raise VitrineError(f"{self.folder / name}, line {number}: {error}") from error
        return found

    def _opened(self, name: str) -> Any:
        try:
            return (self.folder / name).open("rb")
        except FileNotFoundError:
            raise VitrineError(f"{self.folder} is no data set of `prepare`: it has no {name}") from None


def jsonl(lines: Iterable[BaseModel]) -> Iterator[str]:
    """Each line as JSON with its end, fields that were left out as they are by default."""
    for line in lines:
        yield line.model_dump_json(exclude_defaults=True) + "\n"
