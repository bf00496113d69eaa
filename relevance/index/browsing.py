"""The order in which a shop is browsed, without a query: decided once, when a release is built."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from relevance.arrays import Rows
from relevance.contracts.products import Product
from relevance.contracts.settings import RankingAttribute


def browsing_order(products: Sequence[Product], ranking: Sequence[RankingAttribute]) -> Rows:
    """All rows by the shop's own ranking, the first attribute before the second, then newest first.

    Numbers and yes/no are compared, nothing else; what has no value comes last in both directions.
    """
    released = [np.nan if product.released_at is None else product.released_at.timestamp() for product in products]
    keys = [-np.array(released, dtype=np.float64)]
    records = [product.record() for product in products] if ranking else []
    for attribute in reversed(ranking):
        values = np.array([_number(record, attribute.name) for record in records], dtype=np.float64)
        keys.append(-values if attribute.descending else values)
    order: Rows = np.lexsort([np.where(np.isnan(key), np.inf, key) for key in keys])
    return order


def _number(record: Mapping[str, Any], name: str) -> float:
    """The value of an attribute, such as "attributes.weight"; NaN where there is none, or it is no number."""
    value: Any = record
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return float(value) if isinstance(value, int | float) else np.nan
