"""Whether to train again: who asks, what there is to see at that moment, and what was decided."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Why = Literal["schedule", "alarm", "person"]
RunStatus = Literal["Executing", "Stopping", "Stopped", "Failed", "Succeeded"]
"""As SageMaker names them."""

SNAPSHOT_NAME = "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Asked(_Frozen):
    """One wish for a run."""

    trigger_id: str = Field(min_length=1, max_length=200)
    """Of the event that brought it: the same event twice is one wish."""
    why: Why
    said: str
    """What asked, in words: the alarm and its state, or a person's reason."""
    rings: bool = True
    """False for an alarm that says that it is over."""
    snapshot: str | None = Field(default=None, pattern=SNAPSHOT_NAME)
    """Data that lie there already; None: the catalogue as it is now, with what accompanies it."""


class LiveRelease(_Frozen):
    """What serves now."""

    release_id: str
    made_at: datetime
    catalogue_version: int | None
    """None for a catalogue that came from a file."""
    commit: str | None
    """The code of the training that made its models; None where they were taken as they shipped."""


class SeenQuality(_Frozen):
    """What the newest quality report says."""

    made_at: datetime
    release: str | None
    """The release that answered while it was made."""
    searches: int = Field(ge=0)
    """In its window."""
    broken: bool = False
    """Whether relevance fell at once while searches were what they were."""
    figures: dict[str, float]
    """Measured by name, such as `ndcg10`; what could not be measured is absent."""


class NewData(_Frozen):
    """What there is to learn from that the live release has not seen."""

    catalogue_version: int = Field(ge=0)
    """0 for a table that nothing was ever written to."""
    log_mb: float = Field(ge=0)
    """Of the shoppers' log, written since the live release was made; all of it where nothing is live."""


class PastRun(_Frozen):
    """One run of the pipeline, whoever started it."""

    execution: str
    """Its ARN."""
    status: RunStatus
    started_at: datetime
    ended_at: datetime | None = None
    """None while it runs, and where nobody looked: a list of runs tells it of the newest that ended alone."""


class Limits(_Frozen):
    """What a stage lets a training cost, and how often it may begin."""

    run_dollars: float = Field(ge=0)
    """What one run is taken to cost; 0 on a machine that is there anyway."""
    budget_dollars_a_month: float = Field(ge=0)
    """Over the runs that were begun in a calendar month, UTC."""
    cool_down_hours: float = Field(ge=0)
    """Behind a run that succeeded; it doubles with each one that failed since."""


class Situation(_Frozen):
    """All that a decision depends on beside who asks and the time."""

    live: LiveRelease | None
    quality: SeenQuality | None
    data: NewData
    runs: tuple[PastRun, ...]
    """The newest first."""
    limits: Limits


class Decision(_Frozen):
    """Whether a run is started, and why, in one sentence with the figures."""

    start: bool
    reason: str


class DecisionRecord(_Frozen):
    """What is kept of a decision for a year."""

    decided_at: datetime
    asked: Asked
    situation: Situation
    decision: Decision
    snapshot: str | None = None
    """What the run reads; None where none was started."""
    execution: str | None = None
    """The run's ARN; None where none was started."""
