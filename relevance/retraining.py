"""When to train again: a list of reasons not to, in order, and the first that holds decides."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from relevance.contracts.retraining import Asked, Decision, PastRun, Situation

FAILURES_IN_A_ROW = 3
"""After so many only a person starts another: it would fail for the same reason."""

RUNNING = ("Executing", "Stopping")

_Objection = Callable[[Asked, datetime, Situation], str | None]


def decide(asked: Asked, now: datetime, seen: Situation) -> Decision:
    """Whether to start a run.

    A person gets one unless one runs or the month's budget is spent; an alarm or the schedule also needs that the last
    run is some time ago, that runs do not keep failing, and that there is something new to learn from.

    Args:
        asked: Who, and why.
        now: With its zone. A clock that is wrong by days can at worst start one run early, which the budget counts.
        seen: At that moment.
    """
    for objection in _OBJECTIONS if asked.why != "person" else _OBJECTIONS_TO_A_PERSON:
        if reason := objection(asked, now, seen):
            return Decision(start=False, reason=f"{asked.said}, but {reason}")
    return Decision(start=True, reason=f"{asked.said}; {_new(asked, seen)}; {_money(now, seen)}{_quality(seen)}")


def failures_in_a_row(runs: Sequence[PastRun]) -> int:
    """How many of the newest runs failed since one succeeded; those that a person stopped say nothing."""
    ended = [run.status for run in runs if run.status in ("Failed", "Succeeded")]
    return next((place for place, status in enumerate(ended) if status == "Succeeded"), len(ended))


def spent_dollars(now: datetime, seen: Situation) -> float:
    """What the runs that were begun in this calendar month are taken to have cost."""
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return seen.limits.run_dollars * sum(run.started_at >= month for run in seen.runs)


def _over(asked: Asked, now: datetime, seen: Situation) -> str | None:
    return None if asked.rings else "only an alarm that rings starts a run"


def _busy(asked: Asked, now: datetime, seen: Situation) -> str | None:
    running = next((run for run in seen.runs if run.status in RUNNING), None)
    return f"a run is under way since {_moment(running.started_at)}: {running.execution}" if running else None


def _too_dear(asked: Asked, now: datetime, seen: Situation) -> str | None:
    after = spent_dollars(now, seen) + seen.limits.run_dollars
    return _money(now, seen) if after > seen.limits.budget_dollars_a_month else None


def _keeps_failing(asked: Asked, now: datetime, seen: Situation) -> str | None:
    failed = failures_in_a_row(seen.runs)
    if failed < FAILURES_IN_A_ROW:
        return None
    newest = next(run.execution for run in seen.runs if run.status == "Failed")
    return f"the last {failed} runs failed, the newest {newest}: only a person starts another"


def _too_soon(asked: Asked, now: datetime, seen: Situation) -> str | None:
    last = next((run for run in seen.runs if run.status in ("Failed", "Succeeded")), None)
    if last is None:
        return None
    failed = failures_in_a_row(seen.runs)
    pause = timedelta(hours=seen.limits.cool_down_hours * 2**failed)
    ended = last.ended_at or last.started_at
    # In both directions: a clock that went back still waits, and an end in the far future does not wait for ever.
    if abs(now - ended) >= pause:
        return None
    how = f"failed, as {failed} in a row" if failed else "succeeded"
    return f"the last run {how}, and ended on {_moment(ended)}: the next may begin {_hours(pause)} later"


def _no_catalogue(asked: Asked, now: datetime, seen: Situation) -> str | None:
    if seen.data.catalogue_version > 0 or asked.snapshot:
        return None
    return "the catalogue's table was never written to (version 0), and no snapshot was named"


def _nothing_new(asked: Asked, now: datetime, seen: Situation) -> str | None:
    same = seen.live is not None and seen.live.catalogue_version == seen.data.catalogue_version
    return f"there is nothing to learn: {_new(asked, seen)}" if same and not seen.data.log_mb else None


def _another_release(asked: Asked, now: datetime, seen: Situation) -> str | None:
    if asked.why != "alarm" or seen.live is None or seen.quality is None or seen.quality.release is None:
        return None
    if seen.quality.release == seen.live.release_id:
        return None
    return (
        f"the newest report, of {_moment(seen.quality.made_at)}, is about release {seen.quality.release}, and "
        f"{seen.live.release_id} is live now: what rang is not in use any more"
    )


def _broken(asked: Asked, now: datetime, seen: Situation) -> str | None:
    """What fell at once while shoppers ask what they always asked is no matter of training."""
    if asked.why != "alarm" or seen.quality is None or not seen.quality.broken:
        return None
    return (
        "relevance fell at once while searches are what they were: something is broken, to be rolled back or mended"
        f"{_quality(seen)}"
    )


_OBJECTIONS_TO_A_PERSON: tuple[_Objection, ...] = (_busy, _too_dear, _no_catalogue)
_OBJECTIONS: tuple[_Objection, ...] = (
    _over,
    _busy,
    _too_dear,
    _keeps_failing,
    _too_soon,
    _no_catalogue,
    _nothing_new,
    _another_release,
    _broken,
)


def _new(asked: Asked, seen: Situation) -> str:
    if asked.snapshot:
        return f"snapshot {asked.snapshot}"
    data, live = seen.data, seen.live
    if live is None:
        return f"catalogue version {data.catalogue_version}, no release yet, {data.log_mb:g} MB of log"
    released = "a file" if live.catalogue_version is None else f"version {live.catalogue_version}"
    return (
        f"catalogue version {data.catalogue_version}, release {live.release_id} is of {released}, "
        f"{data.log_mb:g} MB of log since {_moment(live.made_at)}"
    )


def _money(now: datetime, seen: Situation) -> str:
    limits = seen.limits
    return (
        f"a run takes ${limits.run_dollars:g}, and ${spent_dollars(now, seen):g} of this month's "
        f"${limits.budget_dollars_a_month:g} are spent"
    )


def _quality(seen: Situation) -> str:
    if seen.quality is None:
        return "; there is no quality report"
    figures = ", ".join(f"{name} {value:.3g}" for name, value in sorted(seen.quality.figures.items()))
    return f"; the report of {_moment(seen.quality.made_at)} over {seen.quality.searches:,} searches: {figures}"


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def _hours(pause: timedelta) -> str:
    return f"{pause.total_seconds() / 3600:g} hours"
