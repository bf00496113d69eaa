"""When a training is started again, case by case."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from relevance.contracts.retraining import (
    Asked,
    Limits,
    LiveRelease,
    NewData,
    PastRun,
    SeenQuality,
    Situation,
)
from relevance.retraining import decide, failures_in_a_row, spent_dollars

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)


def hours_ago(hours: float) -> datetime:
    return NOW - timedelta(hours=hours)


def asked_by(why, **given):
    said = {"schedule": "the schedule asks", "alarm": "alarm QueryDrift is ALARM", "person": "Ada asks: new brands"}
    return Asked(**{"trigger_id": "event-1", "why": why, "said": said[why]} | given)


def a_run(status, ended_hours_ago=None, started_hours_ago=None):
    started = started_hours_ago if started_hours_ago is not None else (ended_hours_ago or 0) + 2
    ended = None if ended_hours_ago is None else hours_ago(ended_hours_ago)
    return PastRun(execution=f"run-{started:g}", status=status, started_at=hours_ago(started), ended_at=ended)


def a_release(**given):
    return LiveRelease(
        **{"release_id": "r1", "made_at": hours_ago(200), "catalogue_version": 3, "commit": "abc"} | given
    )


def a_report(**given):
    told = {"made_at": hours_ago(1), "release": "r1", "searches": 1234, "figures": {"largest_psi": 0.31}}
    return SeenQuality(**told | given)


def a_situation(**given):
    seen = {
        "live": a_release(),
        "quality": a_report(),
        "data": NewData(catalogue_version=5, log_mb=1.5),
        "runs": (),
        "limits": Limits(run_dollars=30, budget_dollars_a_month=100, cool_down_hours=24),
    }
    return Situation(**seen | given)


NOTHING_NEW = NewData(catalogue_version=3, log_mb=0)
SUCCEEDED_LONG_AGO = a_run("Succeeded", ended_hours_ago=25)
RUNNING = a_run("Executing", started_hours_ago=1)
FAILED = [a_run("Failed", ended_hours_ago=hours) for hours in (193, 300, 700)]

STARTED = {
    "the schedule, with something new and nothing before": (asked_by("schedule"), a_situation()),
    "an alarm about the live release": (asked_by("alarm"), a_situation()),
    "an alarm where no report was ever made": (asked_by("alarm"), a_situation(quality=None)),
    "an alarm whose report does not know the release": (asked_by("alarm"), a_situation(quality=a_report(release=None))),
    "the schedule does not ask what a report is about": (
        asked_by("schedule"),
        a_situation(quality=a_report(release="r0")),
    ),
    "the catalogue alone changed": (
        asked_by("schedule"),
        a_situation(data=NewData(catalogue_version=4, log_mb=0)),
    ),
    "the log alone grew": (asked_by("schedule"), a_situation(data=NewData(catalogue_version=3, log_mb=0.1))),
    "a release of a file, so nobody knows what it has not seen": (
        asked_by("schedule"),
        a_situation(live=a_release(catalogue_version=None), data=NOTHING_NEW),
    ),
    "nothing is live yet": (asked_by("schedule"), a_situation(live=None, data=NOTHING_NEW)),
    "the cool-down is over": (asked_by("schedule"), a_situation(runs=(SUCCEEDED_LONG_AGO,))),
    "a failure's longer cool-down is over": (
        asked_by("schedule"),
        a_situation(runs=(a_run("Failed", ended_hours_ago=48),)),
    ),
    "a run that a person stopped cools nothing down": (
        asked_by("schedule"),
        a_situation(runs=(a_run("Stopped", ended_hours_ago=1),)),
    ),
    "an end far in the future does not lock": (
        asked_by("schedule"),
        a_situation(runs=(a_run("Succeeded", ended_hours_ago=-10_000, started_hours_ago=800),)),
    ),
    "a person, with nothing new": (asked_by("person"), a_situation(data=NOTHING_NEW)),
    "a person, an hour behind a success": (
        asked_by("person"),
        a_situation(runs=(a_run("Succeeded", ended_hours_ago=1),)),
    ),
    "a person, behind three failures": (asked_by("person"), a_situation(runs=tuple(FAILED))),
    "a person with a snapshot of their own, without a table": (
        asked_by("person", snapshot="2026-11-22"),
        a_situation(data=NewData(catalogue_version=0, log_mb=0)),
    ),
    "a person, who knows why relevance fell": (
        asked_by("person"),
        a_situation(quality=a_report(broken=True)),
    ),
    "exactly the budget": (
        asked_by("schedule"),
        a_situation(
            runs=(SUCCEEDED_LONG_AGO, a_run("Succeeded", ended_hours_ago=100)),
            limits=Limits(run_dollars=30, budget_dollars_a_month=90, cool_down_hours=24),
        ),
    ),
    "runs that cost nothing, however many": (
        asked_by("schedule"),
        a_situation(
            runs=tuple(a_run("Succeeded", ended_hours_ago=hours) for hours in range(1, 30)),
            limits=Limits(run_dollars=0, budget_dollars_a_month=0, cool_down_hours=0),
        ),
    ),
    "last month's runs are not this month's": (
        asked_by("schedule"),
        a_situation(runs=tuple(a_run("Succeeded", ended_hours_ago=700 + hours) for hours in range(5))),
    ),
}

DECLINED = {
    "an alarm that is over": (
        asked_by("alarm", rings=False, said="alarm QueryDrift is OK"),
        a_situation(),
        "alarm QueryDrift is OK, but only an alarm that rings",
    ),
    "a run is under way": (asked_by("schedule"), a_situation(runs=(RUNNING,)), "since 2026-11-27 11:00: run-1"),
    "a run is being stopped": (
        asked_by("schedule"),
        a_situation(runs=(a_run("Stopping", started_hours_ago=1),)),
        "a run is under way",
    ),
    "a run is under way, also for a person": (asked_by("person"), a_situation(runs=(RUNNING,)), "Ada asks: new brands"),
    "the budget, also for a person": (
        asked_by("person"),
        a_situation(runs=tuple(a_run("Succeeded", ended_hours_ago=hours) for hours in (30, 60, 90))),
        r"takes \$30, and \$90 of this month's \$100",
    ),
    "a run in the future counts for the budget too": (
        asked_by("schedule"),
        a_situation(runs=tuple(a_run("Stopped", started_hours_ago=hours) for hours in (-50, -60, -70))),
        r"\$90 of this month's",
    ),
    "three failures": (
        asked_by("alarm"),
        a_situation(runs=tuple(FAILED)),
        "the last 3 runs failed, the newest run-195",
    ),
    "an hour behind a success": (
        asked_by("alarm"),
        a_situation(runs=(a_run("Succeeded", ended_hours_ago=1),)),
        "succeeded, and ended on 2026-11-27 11:00: the next may begin 24 hours later",
    ),
    "behind one failure it takes twice as long": (
        asked_by("schedule"),
        a_situation(runs=(a_run("Failed", ended_hours_ago=47), SUCCEEDED_LONG_AGO)),
        "failed, as 1 in a row, .* 48 hours later",
    ),
    "behind two failures four times": (
        asked_by("schedule"),
        a_situation(
            runs=(a_run("Failed", ended_hours_ago=95), a_run("Failed", ended_hours_ago=150)),
            limits=Limits(run_dollars=1, budget_dollars_a_month=100, cool_down_hours=24),
        ),
        "96 hours later",
    ),
    "a clock that went back by an hour": (
        asked_by("schedule"),
        a_situation(runs=(a_run("Succeeded", ended_hours_ago=-1, started_hours_ago=2),)),
        "ended on 2026-11-27 13:00",
    ),
    "an end that nobody looked up counts from its start": (
        asked_by("schedule"),
        a_situation(runs=(a_run("Succeeded", started_hours_ago=3),)),
        "ended on 2026-11-27 09:00",
    ),
    "no catalogue": (
        asked_by("person"),
        a_situation(data=NewData(catalogue_version=0, log_mb=4)),
        r"never written to \(version 0\)",
    ),
    "nothing new": (
        asked_by("schedule"),
        a_situation(data=NOTHING_NEW),
        "catalogue version 3, release r1 is of version 3, 0 MB of log since 2026-11-19 04:00",
    ),
    "an alarm about what fell at once": (
        asked_by("alarm"),
        a_situation(quality=a_report(broken=True, figures={"change": -0.3})),
        "something is broken.*change -0.3",
    ),
    "an alarm about a release that was replaced": (
        asked_by("alarm"),
        a_situation(quality=a_report(release="r0")),
        "is about release r0, and r1 is live now",
    ),
}


@pytest.mark.parametrize(("asked", "seen"), STARTED.values(), ids=STARTED.keys())
def test_a_run_is_started_with_a_reason_that_names_the_figures(asked, seen):
    decision = decide(asked, NOW, seen)

    assert decision.start, decision.reason
    assert decision.reason.startswith(asked.said)
    assert f"${seen.limits.run_dollars:g}" in decision.reason


@pytest.mark.parametrize(("asked", "seen", "told"), DECLINED.values(), ids=DECLINED.keys())
def test_a_run_is_not_started_and_the_reason_names_both_sides(asked, seen, told):
    decision = decide(asked, NOW, seen)

    assert not decision.start
    assert re.search(told, decision.reason)


def test_a_start_says_what_the_newest_report_found():
    decision = decide(asked_by("alarm"), NOW, a_situation())

    assert "over 1,234 searches: largest_psi 0.31" in decision.reason


def test_failures_are_counted_up_to_the_last_success_and_stopped_runs_are_passed_over():
    runs = [a_run(status, 1) for status in ("Executing", "Failed", "Stopped", "Failed", "Succeeded", "Failed")]

    assert failures_in_a_row(runs) == 2
    assert failures_in_a_row([]) == 0


def test_money_is_counted_over_the_calendar_month():
    runs = (a_run("Failed", started_hours_ago=1), a_run("Succeeded", 100), a_run("Succeeded", 27 * 24))

    assert spent_dollars(NOW, a_situation(runs=runs)) == 60
