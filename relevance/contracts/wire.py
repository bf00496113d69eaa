"""The one habit that all models on the wire share: snake_case inside, Algolia's camelCase outside."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class WireModel(BaseModel):
    """An answer; fields are named on the wire as Algolia's clients name them."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)


class WireRequest(WireModel):
    """A request: unknown fields and values of another kind are refused. Descriptions complete "expected ..."."""

    model_config = ConfigDict(extra="forbid", strict=True)
