"""The traffic that a release was made for: `baseline/baseline.json` in it. Counts alone, no query and no shopper."""

from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

BASELINE_FILE: Final = "baseline.json"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Topic(_Frozen):
    """What some queries are about; its centre is the row of `topics.npy` with its number."""

    words: tuple[str, ...]
    """From the titles of products that its queries find."""
    count: float = Field(ge=0)


class Histogram(_Frozen):
    """How a number is distributed."""

    edges: tuple[float, ...]
    """Ascending; a value that equals one belongs above it."""
    counts: tuple[float, ...]
    """Below the first edge, between each two, above the last: one more than edges."""
    mean: float

    @model_validator(mode="after")
    def _fits(self) -> "Histogram":
        if len(self.counts) != len(self.edges) + 1:
            raise ValueError(f"{len(self.edges)} edges and {len(self.counts)} counts: expected one count more")
        if list(self.edges) != sorted(set(self.edges)):
            raise ValueError(f"edges {self.edges} do not ascend")
        return self


class Baseline(_Frozen):
    """What a release is asked, and what it finds for it."""

    format: Literal[1] = 1
    made_at: datetime
    data_sha256: str
    """Of the data set whose queries were asked."""
    origin: Literal["log", "derived"]
    """Typed by shoppers, or drawn from the catalogue because there was no traffic yet."""
    queries: int = Field(ge=1)
    """Distinct ones that were asked."""
    searches: float = Field(gt=0)
    """What they stand for: each as often as it was asked, up to the cap of `relevance.traffic`."""
    topics: tuple[Topic, ...]
    """Empty where the release has no vectors."""
    numbers: dict[str, Histogram]
    """By the name that `relevance.traffic` gives to each."""
    kinds: dict[str, dict[str, float]]
    """By name, count by value."""
