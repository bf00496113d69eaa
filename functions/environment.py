"""How a function's settings travel: CDK writes them as environment variables, the handler reads them."""

import os
from typing import Self

from pydantic import BaseModel, ConfigDict, Field


class EnvironmentSettings(BaseModel):
    """Fields become upper-case environment variables: `release_bucket` <-> `RELEASE_BUCKET`.

    Fields are str, int, float or bool only: `to_environment` writes `str(value)`.
    """

    model_config = ConfigDict(frozen=True)

    @classmethod
    def from_environment(cls) -> Self:
        """Read every field; raises pydantic.ValidationError naming all that are missing or wrong."""
        return cls.model_validate(
            {name: os.environ[name.upper()] for name in cls.model_fields if name.upper() in os.environ}
        )

    def to_environment(self) -> dict[str, str]:
        """The variables that `from_environment` reads back into an equal object."""
        return {name.upper(): str(value) for name, value in self.model_dump().items()}


class SearchSettings(EnvironmentSettings):
    """What every function on the search path knows: where its release is, and who may call."""

    release_bucket: str
    """S3 bucket; a release lies under `releases/<release_id>/`."""
    pointer_table: str
    """DynamoDB table with partition key `name` (string); the item named after the index holds `live`, a release id."""
    index_name: str = "products"
    release_folder: str = "/tmp/vitrine/releases"
    """Where downloaded releases lie; a release that is there already is opened without a download."""
    pointer_seconds: float = 30.0
    """At most how often the pointer is read, beside a request; jittered by a tenth."""
    remembered_queries: int = Field(default=1000, ge=0)
    """How many queries a function remembers: their vectors, and the front door their answers; 0 for none."""
    endpoint_name: str = ""
    """Of the large model's SageMaker endpoint; empty where the stage has none."""
    endpoint_component: str = ""
    """Which of the endpoint's inference components is asked; empty for an endpoint that has none."""
    endpoint_deadline_ms: int = Field(default=60, gt=0)
    """How long a search waits for the endpoint before it goes on with the encoder here."""
    endpoint_failures: int = Field(default=3, gt=0)
    """After so many failures in a row the endpoint is left alone for a pause."""
    endpoint_pause_seconds: float = Field(default=2.0, gt=0)
    """How long the first pause is, give or take half; each one behind it is twice as long, up to ten seconds."""
    key_parameter: str
    """Name of the SSM SecureString that holds the hashed API keys."""
