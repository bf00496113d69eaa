"""What the endpoint of the large model is asked and answers: one JSON body for each call of `/invocations`."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

MOST_TEXTS: Final = 64
MOST_PAIRS: Final = 200
MOST_PURCHASES: Final = 200
LONGEST_TEXT: Final = 4_000
"""In characters; what follows the model's own limit of tokens is not read anyway."""


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Answer(BaseModel):
    """Unknown fields are passed over: an endpoint may be deployed before the functions that ask it."""

    model_config = ConfigDict(frozen=True, extra="ignore")


Text = Annotated[str, Field(max_length=LONGEST_TEXT)]


class EncodeTexts(_Request):
    """Vectors of queries as typed, or of products' texts; the model adds its own prefixes."""

    task: Literal["encode_query", "encode_product"]
    texts: tuple[Text, ...] = Field(min_length=1, max_length=MOST_TEXTS)


class Purchase(_Request):
    """What a shopper bought, and how long ago."""

    product_id: str = Field(min_length=1)
    age_days: float = Field(ge=0, allow_inf_nan=False)


class EncodeShopper(_Request):
    """The vector of one shopper's taste; products that the model does not know are passed over."""

    task: Literal["encode_shopper"]
    purchases: tuple[Purchase, ...] = Field(min_length=1, max_length=MOST_PURCHASES)
    """The last one first."""


class ScoreProducts(_Request):
    """How well each product answers the query, by the teacher that reads both together."""

    task: Literal["score"]
    query: Text
    products: tuple[Text, ...] = Field(min_length=1, max_length=MOST_PAIRS)


LargeModelRequest = Annotated[EncodeTexts | EncodeShopper | ScoreProducts, Field(discriminator="task")]
REQUEST: Final[TypeAdapter[EncodeTexts | EncodeShopper | ScoreProducts]] = TypeAdapter(LargeModelRequest)
"""Reads a body: `REQUEST.validate_json(body)`."""


class Vectors(_Answer):
    """Shape (n, d), rows of length 1, in the order of what was asked."""

    model_id: str
    """Of the encoder, or of the shopper model."""
    space: str
    """The id of the encoder whose vectors these may be compared with: a release of another space must not use them."""
    vectors: tuple[tuple[float, ...], ...]


class Scores(_Answer):
    """One score a product, in the order of what was asked; higher is better."""

    model_id: str
    scores: tuple[float, ...]


class Refusal(_Answer):
    """The body of every answer that is not 200."""

    message: str
    status: int
