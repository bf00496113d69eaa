"""One product as a shop hands it over: a JSON object on a line of its catalogue."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictBool

Text = Annotated[str, Field(strict=True)]
AttributeValue = StrictBool | float | Text | tuple[Text, ...]

MINOR_UNITS = {"BIF": 0, "CLP": 0, "ISK": 0, "JPY": 0, "KRW": 0, "PYG": 0, "UGX": 0, "VND": 0, "XAF": 0, "XOF": 0} | {
    "BHD": 3,
    "JOD": 3,
    "KWD": 3,
    "OMR": 3,
    "TND": 3,
}
"""Decimal places of the currencies that have not two (ISO 4217)."""


class Product(BaseModel):
    """What a shop sells. Fields that are not named here are kept and returned with the hit.

    `price` is in major units (9.99); inside, money is `price_cents`, in the currency's minor unit.
    """

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)

    product_id: Text = Field(alias="objectID", min_length=1, max_length=512)
    title: Text = Field(min_length=1)
    description: Text = ""
    brand: Text = ""
    categories: tuple[Text, ...] = ()
    price: Decimal | None = Field(default=None, ge=0, allow_inf_nan=False)
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = None
    image: Text | None = None
    url: Text | None = None
    attributes: dict[str, AttributeValue] = Field(default_factory=dict)
    rating: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    rating_count: int | None = Field(default=None, ge=0)
    in_stock: bool | None = None
    released_at: datetime | None = None
    sponsored: bool = False

    @property
    def price_cents(self) -> int | None:
        """The price in the currency's minor unit (cents, pence, yen), rounded half to even."""
        if self.price is None:
            return None
        return round(self.price.scaleb(MINOR_UNITS.get(self.currency or "", 2)))
