"""What one look at a stage's quality found: relevance by judged queries, and whether shoppers ask something else now.

Written hour by hour as JSON under `reports/` in the release bucket; `latest.json` is the newest of them.
"""

from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

LATEST: Final = "reports/latest.json"
"""The key of the newest report."""


class _Said(BaseModel):
    """Unknown fields are passed over: who reads a report may be older than who wrote it."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Window(_Said):
    """The time whose searches were looked at."""

    begins_at: datetime = Field(alias="from")
    ends_at: datetime = Field(alias="to")
    searches: int = Field(ge=0)
    """Of the live release, that can be compared with its baseline: with words, unfiltered, by relevance, first page."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, serialize_by_alias=True)

    @model_validator(mode="after")
    def _ends_later(self) -> "Window":
        if self.ends_at <= self.begins_at:
            raise ValueError(f"the window begins at {self.begins_at} and ends at {self.ends_at}: expected later")
        return self


class JudgedQuery(_Said):
    """One judged query: what its answer is worth now, and what it usually is."""

    query: str
    ndcg10: float | None
    """In [0, 1]; None where it was not answered this time."""
    usual: float | None = None
    """Mean of the looks before this one; None where there are none."""
    looks: int = 0
    """How many these are, up to a week of hours."""


class RelevanceFound(_Said):
    """What the API answered to queries that people have judged; shares and nDCG in [0, 1], None where nothing says."""

    queries: int = Field(ge=0)
    """How many were asked; those left over when the time was up are not among them."""
    answered_share: float = Field(ge=0, le=1)
    """Of these, with status 200 and in time."""
    ndcg10: float | None = None
    """Mean over the answered, an unjudged product counted as bad."""
    ndcg10_judged: float | None = None
    """The same over judged products alone, which does not fall because a catalogue grew."""
    change: float | None = None
    """Mean over the queries of `ndcg10` less what it usually is: below 0 where answers got worse; None at a first look.
    """
    judged_share: float | None = None
    """Of the first ten places of an answer, those with a judged product."""
    zero_hit_share: float | None = None
    p50_ms: float | None = None
    """Until the answer was read, over the network."""
    p99_ms: float | None = None
    degraded_share: float | None = None
    """Of the answered, those that had to do without something."""
    by_query: tuple[JudgedQuery, ...] = ()
    """Those that were asked, and what is known of them from before."""


class Moved(_Said):
    """A distribution that is not what it was, or one part of the traffic that grew or shrank."""

    name: str
    """Of the distribution, such as `cosine`; of a topic, `topic`."""
    said: str
    """In a sentence with the figures, for people."""
    stability_index: float | None = None
    """PSI beyond what chance explains; None for a single topic."""
    share: float | None = None
    """Of the window's searches, of a single topic; in [0, 1]."""
    share_before: float | None = None
    """The same in the baseline."""


class Compared(_Said):
    """One distribution of the window beside the baseline's."""

    name: str
    stability_index: float
    """PSI (`relevance.drift`)."""
    by_chance: float
    """What 99 in 100 pairs of samples of these sizes stay below if nothing has changed."""
    expected: float
    """What they have on average."""
    distance: float | None = None
    """Kolmogorov-Smirnov, in [0, 1]; None where the values have no order."""
    likelihood: float | None = None
    """How likely chance makes a larger distance; a p-value."""
    mean: float | None = None
    mean_before: float | None = None
    """None where the values have no order."""

    @property
    def beyond_chance(self) -> float:
        """What the index would be of endless samples; 0 where chance may explain all of it."""
        return self.stability_index - self.expected if self.stability_index > self.by_chance else 0.0


class DriftFound(_Said):
    """How far the window is from the traffic that the live release was made for."""

    outcome: Literal["compared", "no baseline", "not enough searches", "not read"]
    """Only `compared` has numbers; `not read`: the log did not answer."""
    baseline_origin: Literal["log", "derived"] | None = None
    """Whether the baseline is of shoppers' queries, or of queries drawn from the catalogue because there were none."""
    largest_psi: float | None = None
    """The largest `beyond_chance`; up to .1 nothing to speak of, from .25 large."""
    query_drift: float | None = None
    """The largest of what shoppers ask."""
    score_drift: float | None = None
    """The largest of what the release finds for it."""
    compared: tuple[Compared, ...] = ()
    moved: tuple[Moved, ...] = ()
    """What changed enough to be worth a look, the most first."""


class QualityReport(_Said):
    """All of it."""

    made_at: datetime
    release: str | None
    """The live one; None while nothing was ever published."""
    window: Window
    relevance: RelevanceFound | None
    """None where no judgments were put; with a share of 0 where there are some and nothing was answered."""
    drift: DriftFound
    broken: bool = False
    """Whether relevance fell at once (`RelevanceFound.change`) while searches were what they were: training helps not.
    """
