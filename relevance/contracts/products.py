"""One product as a shop hands it over: a JSON object on a line of its catalogue.

Each field's description completes "expected ...": a refused product is told in these words.
"""

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    field_serializer,
    field_validator,
    model_validator,
)

_PLAIN_DECIMAL = re.compile(r"[0-9]{1,16}(\.[0-9]{1,16})?", re.ASCII)
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ].*)?", re.ASCII)


def _not_a_bool(value: Any) -> Any:
    """Python counts true as 1; a shop that writes `"price": true` did not mean 1.00."""
    if isinstance(value, bool):
        raise ValueError("a yes/no is no number")
    return value


def _decimal_text(value: Any) -> Any:
    """Let plain decimal text through ("9.99" is how many shops protect their prices from floats), no other text."""
    if isinstance(value, str) and not _PLAIN_DECIMAL.fullmatch(value):
        raise ValueError("not a plain decimal")
    return _not_a_bool(value)


def _number(value: Any) -> Any:
    if isinstance(value, str):
        raise ValueError("text is no number")
    return _not_a_bool(value)


def _iso_text(value: Any) -> Any:
    """Refuse numbers, which would be read as seconds since 1970, and text that hides one."""
    if isinstance(value, datetime) or (isinstance(value, str) and _ISO_DATE.fullmatch(value)):
        return value
    raise ValueError("not an ISO 8601 date")


def _refuse_what_cannot_be_returned(name: str, value: Any) -> None:
    """A field that we only keep must still be JSON when it is returned; 1e400 reads as infinity."""
    if _is_deeper(value, MAX_DEPTH):
        raise ValueError(f"{name} is nested deeper than {MAX_DEPTH} levels")
    try:
        json.dumps(value, allow_nan=False, default=str)
    except ValueError:
        raise ValueError(f"{name} holds a number beyond what JSON readers can hold") from None


def _is_deeper(value: Any, levels: int) -> bool:
    """Whether lists and objects stand inside one another more often than that."""
    level = [value]
    for _ in range(levels + 1):
        level = [
            inner
            for one in level
            if isinstance(one, dict | list | tuple)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return False
    return True


Text = Annotated[str, Field(strict=True)]
Number = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
Count = Annotated[int, Field(strict=True, ge=-(2**53), le=2**53)]
"""A number that was written without a point comes back without one."""
AttributeValue = StrictBool | Count | Number | Text | tuple[Text, ...]

_NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"
MINOR_UNITS = dict.fromkeys(_NO_DECIMALS.split(), 0) | dict.fromkeys(_THREE_DECIMALS.split(), 3)
"""Decimal places of the currencies that have not two (ISO 4217)."""

MAX_DEPTH = 50
"""Of a field that is only kept; JSON writers end at a few hundred levels."""

HIGHEST_PRICE = 10**12
"""In major units: with three decimals it still fits the 2^53 that every JSON reader counts exactly."""


class Product(BaseModel):
    """What a shop sells. Fields that are not named here are kept and returned with the hit.

    `null` means the same as leaving a field out, in `attributes` too. `price` is in major units (9.99);
    inside, money is `price_cents`, in the currency's minor unit. A `released_at` without a zone is UTC.
    """

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)

    product_id: Text = Field(
        alias="objectID", min_length=1, max_length=512, description="text of 1 to 512 characters, not blank"
    )
    title: Text = Field(min_length=1, description="text, not blank")
    description: Text = Field(default="", description="text")
    brand: Text = Field(default="", description="text")
    categories: tuple[Text, ...] = Field(default=(), description="a list of texts, broad to narrow")
    price: Annotated[Decimal, BeforeValidator(_decimal_text)] | None = Field(
        default=None, ge=0, le=HIGHEST_PRICE, allow_inf_nan=False, description="a number from 0 to 10^12, such as 9.99"
    )
    currency: Text | None = Field(
        default=None, pattern="^[A-Z]{3}$", description="three capital letters (ISO 4217), such as EUR"
    )
    image: Text | None = Field(default=None, description="text, an address")
    url: Text | None = Field(default=None, description="text, an address")
    attributes: dict[Text, AttributeValue] = Field(
        default_factory=dict, description="a flat map of text, number, yes/no or list of texts"
    )
    rating: Number | None = Field(default=None, ge=0, description="a number from 0")
    rating_count: Annotated[int, BeforeValidator(_number)] | None = Field(
        default=None, ge=0, le=2**53, description="a whole number from 0"
    )
    in_stock: StrictBool | None = Field(default=None, description="true or false")
    released_at: Annotated[datetime, BeforeValidator(_iso_text)] | None = Field(
        default=None, description="a date or time in ISO 8601, such as 2026-11-22T10:00:00Z"
    )
    sponsored: StrictBool = Field(default=False, description="true or false")

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        known = {name: value for name, value in given.items() if value is not None or name not in _WIRE_NAMES}
        for name in known.keys() - _WIRE_NAMES:
            _refuse_what_cannot_be_returned(name, known[name])
        attributes = known.get("attributes")
        if isinstance(attributes, dict) and None in attributes.values():
            known["attributes"] = {name: value for name, value in attributes.items() if value is not None}
        return known

    @field_validator("product_id", "title")
    @classmethod
    def _says_something(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("blank")
        return value

    @field_validator("released_at")
    @classmethod
    def _in_a_zone(cls, value: datetime | None) -> datetime | None:
        """Times with and without a zone cannot be compared; one kind only gets past here."""
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value

    @field_serializer("price", when_used="json")
    def _price_is_a_number_on_the_wire(self, value: Decimal | None) -> float | None:
        return None if value is None else float(value)

    def record(self) -> dict[str, Any]:
        """What a hit shows, ready for JSON: the fields that were given, by their names on the wire."""
        given = self.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return {name: value for name, value in given.items() if value is not None or name not in _WIRE_NAMES}

    @property
    def price_cents(self) -> int | None:
        """The price in the currency's minor unit (cents, pence, yen), rounded half to even."""
        if self.price is None:
            return None
        return round(self.price.scaleb(MINOR_UNITS.get(self.currency or "", 2)))


_WIRE_NAMES = frozenset(field.alias or name for name, field in Product.model_fields.items())
