"""Sorting by a column instead of relevance: each index has replicas by name, and no second copy of anything."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Sort:
    """An order of products; those without a value come last in both directions."""

    column: Literal["price_cents", "released_days"]
    descending: bool


SORTS = {
    "price_asc": Sort("price_cents", descending=False),
    "price_desc": Sort("price_cents", descending=True),
    "newest": Sort("released_days", descending=True),
}
"""By what a replica's name adds to its index's."""


def replicas_of(index_name: str) -> dict[str, Sort]:
    """The names that sort an index.

    >>> list(replicas_of("products"))
    ['products_price_asc', 'products_price_desc', 'products_newest']
    """
    return {f"{index_name}_{suffix}": sort for suffix, sort in SORTS.items()}
