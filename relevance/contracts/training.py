"""What the jobs that learn hand to each other: lines of a data set, the gate's verdict."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Split = Literal["train", "validation", "test"]
Segment = Literal["head", "torso", "tail"]
"""How often a query is asked: the most frequent tenth, the next four tenths, the rest."""


PairKind = Literal["purchase", "cart", "click", "shown", "derived", "hard_negative"]
"""The strongest thing that was done with the product on the query's pages, or where else the pair comes from."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class QueryLine(_Frozen):
    """One line of a data set's `queries.jsonl`."""

    query_id: str = Field(min_length=1)
    text: str = Field(min_length=1)
    split: Split
    """No text, and of derived queries no kind of product, is in two of them."""
    origin: Literal["log", "derived"]
    """Typed by shoppers, or drawn from the catalogue because there is no traffic yet."""
    segment: Segment
    asked: int = Field(ge=1)
    """How often; 1 for a derived query."""
    language: str | None = None
    """ISO 639-1 where the storefront told it; two words are not guessed from."""
    pattern: str | None = None
    """Of a derived query: what it was drawn from, as `derive_queries` and `describe_queries` name it."""


class PairLine(_Frozen):
    """One line of a data set's `pairs.jsonl`: how well a product answers a query."""

    query_id: str = Field(min_length=1)
    product_id: str = Field(min_length=1)
    relevance: float = Field(ge=0, le=1)
    """0 for a hard negative: it looks like an answer and is none."""
    weight: float = Field(gt=0)
    """What the pair counts in a loss: inverse propensity of having been looked at, capped."""
    kind: PairKind


class ImpressionLine(_Frozen):
    """One line of a data set's `impressions.jsonl`: a page that was shown, and what came of it."""

    query_id: str = Field(min_length=1)
    at: datetime
    product_ids: tuple[str, ...]
    """In the order shown."""
    gains: tuple[float, ...]
    """Of each, at least 0: 0 unless something was done with it."""
    weights: tuple[float, ...]
    """Of each: inverse propensity of its place, capped."""


class BasketLine(_Frozen):
    """One line of a data set's `baskets.jsonl`: what a shopper bought at one time."""

    shopper: str = Field(min_length=1)
    """A pseudonym."""
    at: datetime
    product_ids: tuple[str, ...] = Field(min_length=1)
    """Distinct."""


class CategoryLine(_Frozen):
    """One line of `categories.jsonl`: the category of a product that came without one."""

    product_id: str = Field(min_length=1)
    category: tuple[str, ...] = Field(min_length=1)
    """Broad to narrow, as `Product.categories`."""
    probability: float = Field(gt=0, le=1)


class Check(_Frozen):
    """One limit of the gate, and what was found."""

    objective: str
    """Its name in `relevance.objectives`."""
    found: float | None
    """None where it could not be measured: that misses too, unless the objective is one for data that may be absent."""
    limit: float
    unit: str
    passed: bool
    reason: str
    """In one sentence, with the figures."""


class Verdict(_Frozen):
    """Whether a release may be registered, check by check."""

    passed: bool
    checks: tuple[Check, ...] = Field(min_length=1)
    against: str | None
    """The live release it was held against; None where there was none."""
    data: str
    """What it was measured on, in words."""
