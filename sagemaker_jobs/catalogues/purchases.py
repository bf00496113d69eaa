"""Who bought what when, as far as a public data set knows it, as baskets."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from relevance.contracts.training import BasketLine


class Purchase(NamedTuple):
    """One product on one receipt."""

    shopper: str
    receipt: str
    at: datetime
    """With its zone."""
    product_id: str


def baskets_of(purchases: Iterable[Purchase]) -> list[BasketLine]:
    """Each receipt as one basket of distinct products, in the order of time; its time is that of its first line.

    A receipt that was split over two shoppers or days gives one basket for each shopper.
    """
    receipts: dict[tuple[str, str], list[Purchase]] = defaultdict(list)
    for purchase in purchases:
        receipts[purchase.shopper, purchase.receipt].append(purchase)
    baskets = [
        BasketLine(
            shopper=shopper,
            at=min(purchase.at for purchase in bought),
            product_ids=tuple(dict.fromkeys(purchase.product_id for purchase in bought)),
        )
        for (shopper, _), bought in receipts.items()
    ]
    return sorted(baskets, key=lambda basket: (basket.at, basket.shopper, basket.product_ids))
