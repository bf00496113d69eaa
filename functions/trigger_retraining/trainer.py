"""Looks, decides, starts: one run at a time, whoever asks and however often.

A run's place is taken before it is started and given back when it was seen to have ended. Whoever finds a place whose
run may not have begun starts it again with the same token, which is the same run: so a function that dies in between
leaves nothing locked, and no clock is asked.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from functions.aws.catalogue_store import CatalogueStore
from functions.aws.pipelines import Pipeline
from functions.aws.quality_reports import newest_quality
from functions.aws.release_store import ReleaseStore
from functions.aws.retraining_diary import RetrainingDiary
from functions.aws.snapshots import lay_down, log_mb_since
from functions.metric_catalogue import RETRAINING_DECLINED, RETRAINING_FAILED, RETRAINING_STARTED, Metric
from functions.trigger_retraining.settings import RetrainingSettings
from relevance.contracts.retraining import (
    Asked,
    Decision,
    DecisionRecord,
    Limits,
    LiveRelease,
    NewData,
    Situation,
)
from relevance.retraining import RUNNING, decide


@dataclass(frozen=True)
class Trainer:
    """All that a decision needs. Methods raise StoreUnavailable; to ask again with the same event does no harm."""

    settings: RetrainingSettings
    count: Callable[[Metric], object]
    """Told of a metric each time that it happens."""

    def settle(self) -> None:
        """Give the place of a run that ended back; start one that was about to be."""
        held = self._diary.under_way()
        if held is None:
            return
        begun = self._begin(held)
        run = self._pipeline.run(begun.execution) if begun.execution else None
        if run is not None and run.status in RUNNING:
            return
        if self._diary.free(held) and run is not None and run.status == "Failed":
            self.count(RETRAINING_FAILED)

    def consider(self, asked: Asked, now: datetime) -> DecisionRecord:
        """Decide, and start a run if that is the decision; what was decided on the same event before stands."""
        if earlier := self._diary.decision(asked.trigger_id):
            return earlier
        seen = self.look()
        record = DecisionRecord(decided_at=now, asked=asked, situation=seen, decision=decide(asked, now, seen))
        if not record.decision.start:
            return self._declined(record)
        snapshot = asked.snapshot or self._lay_down(asked, now, seen)
        record = record.model_copy(update={"snapshot": snapshot})
        if self._diary.take(record):
            return self._begin(record)
        other = self._diary.under_way()
        if other is not None and other.asked.trigger_id == asked.trigger_id:  # the same event, twice at once
            return self._begin(other)
        whose = f": {other.asked.said}" if other else ""
        refused = Decision(start=False, reason=f"{asked.said}, but another trigger was quicker{whose}")
        return self._declined(record.model_copy(update={"decision": refused, "snapshot": None}))

    def look(self) -> Situation:
        """What there is to see at this moment."""
        settings = self.settings
        pointer = self._releases.pointer()
        live = None
        if pointer is not None:
            manifest = self._releases.manifest(pointer.live)
            live = LiveRelease(
                release_id=manifest.release_id,
                made_at=manifest.made_at,
                catalogue_version=manifest.catalogue_version,
                commit=manifest.lineage.git_commit if manifest.lineage else None,
            )
        return Situation(
            live=live,
            quality=newest_quality(settings.release_bucket),
            data=NewData(
                catalogue_version=self._catalogue.version(),
                log_mb=log_mb_since(settings.training_bucket, live.made_at if live else None),
            ),
            runs=self._pipeline.recent(),
            limits=Limits(
                run_dollars=settings.run_dollars,
                budget_dollars_a_month=settings.budget_dollars_a_month,
                cool_down_hours=settings.cool_down_hours,
            ),
        )

    def _begin(self, record: DecisionRecord) -> DecisionRecord:
        if record.execution is None:
            if record.snapshot is None:
                raise ValueError(f"the run that {record.asked.trigger_id} takes a place for has no snapshot")
            execution = self._pipeline.start(_token(record.asked), record.snapshot, record.decision.reason)
            record = record.model_copy(update={"execution": execution})
            self._diary.began(record)
        if self._diary.keep(record):
            self.count(RETRAINING_STARTED)
        return record

    def _declined(self, record: DecisionRecord) -> DecisionRecord:
        if self._diary.keep(record):
            self.count(RETRAINING_DECLINED)
            return record
        return self._diary.decision(record.asked.trigger_id) or record

    def _lay_down(self, asked: Asked, now: datetime, seen: Situation) -> str:
        name = f"{now:%Y%m%dT%H%M%S%f}Z-{_token(asked)[:8]}"
        live = seen.live.release_id if seen.live else None
        lay_down(name, self.settings.training_bucket, self._catalogue, self._releases, live)
        return name

    @property
    def _diary(self) -> RetrainingDiary:
        return RetrainingDiary(self.settings.retraining_table)

    @property
    def _pipeline(self) -> Pipeline:
        return Pipeline(self.settings.pipeline_name)

    @property
    def _releases(self) -> ReleaseStore:
        known = self.settings
        return ReleaseStore(known.release_bucket, known.pointer_table, known.index_name, Path("/tmp"))

    @property
    def _catalogue(self) -> CatalogueStore:
        known = self.settings
        return CatalogueStore(known.catalogue_table, known.index_name, known.table_patience_seconds)


def _token(asked: Asked) -> str:
    """What SageMaker knows the run by, for as long as the event is the same."""
    return hashlib.sha256(asked.trigger_id.encode()).hexdigest()
