"""What shoppers did and were shown: one line of a shop's training log.

The envelope follows OpenSearch's User Behavior Insights (https://github.com/o19s/ubi): a query has an id, and whatever
is done with its results names it. Lines are JSON, in any order, in files by day, packed by gzip or not; the same event
may stand on several lines.
"""

from typing import Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

EventKind = Literal[
    "ProductsShown", "ProductViewed", "ProductClicked", "ProductAddedToCart", "ProductFavourited", "ProductPurchased"
]

MOST_SHOWN = 1000
"""Products of one page; what a search returns at most."""


class Event(BaseModel):
    """Something that happened. Fields that are not named here are ignored: a log outlives the code that reads it.

    Each field's description completes "expected ...".
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    event_id: str = Field(min_length=1, max_length=128, description="text of 1 to 128 characters")
    kind: EventKind = Field(description="a kind of event, such as ProductClicked")
    at: AwareDatetime = Field(description="a time with its zone, in ISO 8601")
    shopper: str = Field(min_length=1, max_length=128, description="a pseudonym of 1 to 128 characters")
    query_id: str | None = Field(default=None, min_length=1, max_length=128, description="the id of the search")
    query: str | None = Field(default=None, max_length=512, description="what was typed, of a page that was shown")
    language: str | None = Field(default=None, pattern="^[a-z]{2}$", description="two letters (ISO 639-1)")
    """Which the storefront searched in."""
    product_id: str | None = Field(default=None, min_length=1, max_length=512, description="the id of a product")
    product_ids: tuple[str, ...] = Field(
        default=(), max_length=MOST_SHOWN, description=f"at most {MOST_SHOWN:,} ids, in the order shown"
    )
    position: int = Field(default=1, ge=1, description="a whole number from 1")
    """Of the product among the query's results; of a page that was shown, its first product's."""
    order_id: str | None = Field(default=None, max_length=128, description="what was bought together")

    @model_validator(mode="after")
    def _says_what_and_where(self) -> Self:
        if self.kind != "ProductsShown":
            if self.product_id is None:
                raise ValueError(f"product_id is missing: expected the product of a {self.kind}")
        elif self.query_id is None or self.query is None or not self.product_ids:
            raise ValueError("expected query_id, query and product_ids of a page that was shown")
        elif len(set(self.product_ids)) < len(self.product_ids):
            raise ValueError("product_ids names a product twice: expected each product once on a page")
        return self
