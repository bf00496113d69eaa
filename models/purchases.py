"""Purchases as arrays, cut by time: what a model may learn from, and what it is asked about the time after.

A cut is a day: what was bought before it is known, what was bought on it or later is not.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from relevance.arrays import Matrix, Rows
from relevance.contracts.training import BasketLine

SECONDS_A_DAY = 86_400
SHOPPERS_AT_ONCE = 256
"""Whose scores are in memory together."""

Score = Callable[[Rows], Matrix]
"""Rows of shoppers, shape (s,), to how likely each buys each product next, shape (s, n); higher is likelier."""


@dataclass(frozen=True)
class PurchaseLog:
    """Who bought what on which day; shoppers and products are numbered, and each of them occurs."""

    shopper_ids: Sequence[str]
    product_ids: Sequence[str]
    shoppers: Rows
    """Shape (m,), of each purchase, in the order of time."""
    products: Rows
    """Shape (m,)."""
    days: NDArray[np.int64]
    """Shape (m,): since 1970-01-01 in UTC, ascending."""

    @classmethod
    def of(cls, baskets: Iterable[BasketLine]) -> Self:
        """Each product of each basket, whatever their order; how many were bought is not known and not needed."""
        bought = sorted(
            (int(basket.at.timestamp()) // SECONDS_A_DAY, basket.shopper, product_id)
            for basket in baskets
            for product_id in basket.product_ids
        )
        days = np.array([day for day, _, _ in bought], dtype=np.int64)
        return cls._numbered([shopper for _, shopper, _ in bought], [product for _, _, product in bought], days)

    @classmethod
    def _numbered(cls, shoppers: Sequence[str], products: Sequence[str], days: NDArray[np.int64]) -> Self:
        shopper_ids, product_ids = sorted(set(shoppers)), sorted(set(products))
        shopper_row = {shopper: row for row, shopper in enumerate(shopper_ids)}
        product_row = {product: row for row, product in enumerate(product_ids)}
        return cls(
            shopper_ids,
            product_ids,
            np.array([shopper_row[shopper] for shopper in shoppers], dtype=np.int64),
            np.array([product_row[product] for product in products], dtype=np.int64),
            days,
        )

    def of_products(self, product_ids: Iterable[str]) -> Self:
        """The purchases of these products alone."""
        wanted = set(product_ids)
        return self._where(np.array([product in wanted for product in self.product_ids], dtype=bool)[self.products])

    def before(self, cut: int) -> Self:
        """What was bought before a day."""
        return self._where(self.days < cut)

    def _where(self, chosen: NDArray[np.bool_]) -> Self:
        return self._numbered(
            [self.shopper_ids[row] for row in self.shoppers[chosen]],
            [self.product_ids[row] for row in self.products[chosen]],
            self.days[chosen],
        )

    @property
    def end(self) -> int:
        """The day after the last purchase."""
        return int(self.days[-1]) + 1 if len(self.days) else 0

    @cached_property
    def bought(self) -> sparse.csr_matrix:
        """Shape (shoppers, products): 1 where a shopper bought a product, once or many times."""
        shape = (len(self.shopper_ids), len(self.product_ids))
        matrix = sparse.csr_matrix((np.ones(len(self.days), np.float32), (self.shoppers, self.products)), shape=shape)
        matrix.sum_duplicates()
        matrix.data[:] = 1
        return matrix

    def last_bought(self, cut: int) -> "LastBought":
        """Each shopper's products before a day, with how long ago each was bought last."""
        known = np.flatnonzero(self.days < cut)
        pairs = self.shoppers[known] * len(self.product_ids) + self.products[known]
        # days ascend, so the last occurrence of a pair is the first one from behind
        _, from_behind = np.unique(pairs[::-1], return_index=True)
        kept = known[len(known) - 1 - from_behind]
        return LastBought(self.shoppers[kept], self.products[kept], (cut - self.days[kept]).astype(np.float32))


@dataclass(frozen=True)
class LastBought:
    """Pairs of shopper and product, each once, by shopper."""

    shoppers: Rows
    """Shape (p,)."""
    products: Rows
    """Shape (p,)."""
    ages_days: NDArray[np.float32]
    """Shape (p,): from the last purchase to the cut, at least 1."""

    def of(self, shopper: int, longest: int) -> tuple[Rows, NDArray[np.float32]]:
        """A shopper's products, the one bought last first, and their ages; at most `longest`."""
        begin, end = np.searchsorted(self.shoppers, [shopper, shopper + 1])
        order = np.argsort(self.ages_days[begin:end], kind="stable")[:longest] + begin
        return self.products[order], self.ages_days[order]


@dataclass(frozen=True)
class Questions:
    """What shoppers bought after a cut that was new to them: to be found from what they bought before."""

    past: PurchaseLog
    cut: int
    shoppers: Rows
    """Shape (q,): rows in `past`."""
    answers: Sequence[Rows]
    """Of each, at least one row of a product in `past` that the shopper had not bought before the cut."""
    unknown_products: int
    """Products bought after the cut that nobody had bought before it: no model could have named them."""
    unknown_purchases: int
    """How many purchases are of those, of shoppers known or not."""

    @classmethod
    def at(cls, log: PurchaseLog, cut: int, end: int | None = None) -> Self:
        """Cut a log at a day; what was bought on `end` or later is left out."""
        past = log.before(cut)
        product_row = {product: row for row, product in enumerate(past.product_ids)}
        shopper_row = {shopper: row for row, shopper in enumerate(past.shopper_ids)}
        after = np.flatnonzero((log.days >= cut) & (log.days < (log.end if end is None else end)))
        bought = past.bought
        answers: dict[int, set[int]] = {}
        unknown: set[str] = set()
        unknown_purchases = 0
        for shopper_at, product_at in zip(log.shoppers[after].tolist(), log.products[after].tolist(), strict=True):
            product, shopper = (
                product_row.get(log.product_ids[product_at]),
                shopper_row.get(log.shopper_ids[shopper_at]),
            )
            if product is None:
                unknown.add(log.product_ids[product_at])
                unknown_purchases += 1
            elif shopper is not None:
                answers.setdefault(shopper, set()).add(product)
        for shopper, rows in answers.items():
            rows.difference_update(bought.indices[bought.indptr[shopper] : bought.indptr[shopper + 1]].tolist())
        asked = sorted(shopper for shopper, rows in answers.items() if rows)
        return cls(
            past,
            cut,
            np.array(asked, dtype=np.int64),
            [np.array(sorted(answers[shopper]), dtype=np.int64) for shopper in asked],
            len(unknown),
            unknown_purchases,
        )


@dataclass(frozen=True)
class Found:
    """How much of what was bought next stood among the first k of each shopper's products."""

    recall: NDArray[np.float64]
    """Shape (q,), in [0, 1]: found, of all that the shopper bought next."""
    of_possible: NDArray[np.float64]
    """Shape (q,), in [0, 1]: found, of k or of all, whichever is fewer."""
    coverage: float
    """In [0, 1]: the share of the products that is proposed to anybody."""


def found_next(score: Score, questions: Questions, k: int = 20) -> Found:
    """Ask a model; what a shopper bought before is never proposed, of equal scores the earlier row is.

    Args:
        score: Was learnt from `questions.past`, or less.
        questions: What is asked.
        k: How many products are proposed to each shopper.
    """
    recall, of_possible = np.zeros(len(questions.shoppers)), np.zeros(len(questions.shoppers))
    proposed = np.zeros(len(questions.past.product_ids), dtype=bool)
    for begin in range(0, len(questions.shoppers), SHOPPERS_AT_ONCE):
        shoppers = questions.shoppers[begin : begin + SHOPPERS_AT_ONCE]
        scores = np.array(score(shoppers), dtype=np.float64)
        scores[questions.past.bought[shoppers].nonzero()] = -np.inf
        first = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        proposed[first] = True
        for place, rows in enumerate(first, start=begin):
            answers = questions.answers[place]
            hits = np.count_nonzero(np.isin(rows, answers))
            recall[place], of_possible[place] = hits / len(answers), hits / min(k, len(answers))
    return Found(recall, of_possible, float(proposed.mean()) if len(proposed) else 0.0)
