"""What is made of what was seen: how long each step took, and what rang meanwhile."""

import asyncio

import pytest

from benchmarks.drift_recovery import DEPARTMENT, choose, evenly, figures_of, trained
from benchmarks.watch_plot import over_time, spans
from benchmarks.watching import SEARCH, Answer, Event, Look, Seen, until
from relevance.errors import VitrineError


@pytest.fixture
def seen():
    """A department opens at 100 s; by 400 s all is well again."""
    return Seen(
        answers=[
            Answer(1.0, SEARCH, 20.0, "200", "r1"),
            Answer(2.0, "/1/analyze", 9.0, "503", None),
        ],
        looks=[
            Look(90.0, "r1", 0.8, None, 0.05, 400),
            Look(150.0, "r1", 0.5, -0.1, 0.6, 400),
            Look(390.0, "r2", 0.81, 0.0, 0.1, 400),
        ],
        events=[
            Event(10.0, "release", "products", "r0 by person"),
            Event(20.0, "release", "products", "r1 by approval"),
            Event(30.0, "alarm", "QueriesDrifted", "OK"),
            Event(160.0, "alarm", "QueriesDrifted", "ALARM"),
            Event(165.0, "training", "one", "Executing"),
            Event(300.0, "release", "products", "r2 by approval"),
            Event(301.0, "training", "one", "Succeeded"),
            Event(400.0, "alarm", "QueriesDrifted", "OK"),
        ],
    )


def test_each_step_is_counted_from_the_change_on(seen):
    found = figures_of(seen, 100.0)

    steps = ("alarm_after_s", "training_after_s", "release_after_s", "alarm_over_after_s")
    assert tuple(found[name] for name in steps) == (60, 65, 200, 300)
    assert (found["ndcg10_before"], found["ndcg10_least"], found["ndcg10_at_the_end"]) == (0.8, 0.5, 0.81)
    assert (found["drift_most"], found["drift_at_the_end"]) == (0.6, 0.1)
    assert trained(seen) == "r2"


def test_what_failed_is_listed_whatever_it_was(seen):
    assert [one["outcome"] for one in seen.as_json()["failed"]] == ["503"]
    assert seen.as_json()["searches"] == 1


def test_what_still_rings_rings_until_the_end():
    events = [
        {"at_s": 5.0, "kind": "alarm", "name": "A", "state": "ALARM"},
        {"at_s": 9.0, "kind": "alarm", "name": "A", "state": "OK"},
        {"at_s": 20.0, "kind": "alarm", "name": "A", "state": "ALARM"},
        {"at_s": 7.0, "kind": "alarm", "name": "B", "state": "ALARM"},
    ]

    assert list(spans(events, "alarm", ["A"], 30.0)) == [("A", 5.0, 9.0), ("A", 20.0, 30.0)]


def test_a_run_becomes_a_picture(seen, tmp_path):
    results = seen.as_json() | {"changed_s": 100.0, "seconds": 420}

    over_time(
        results, tmp_path / "run.png", title="A run", said="made up", from_s=0, changed="the change",
        alarms=["QueriesDrifted"], drift=True,
    )  # fmt: skip

    assert (tmp_path / "run.png").stat().st_size > 10_000


def test_what_is_waited_for_in_vain_is_named():
    with pytest.raises(VitrineError, match="waited 0 s for a miracle"):
        asyncio.run(until(lambda: False, "a miracle", 0.01))


def test_the_department_is_told_from_the_rest_by_its_words():
    lines = [{"title": f"{word} {number}"} for number in range(3000) for word in ("Toner", "Cable")]

    old, new = choose(lines)

    assert {line["title"].split()[0] for line in old} == {"Cable"}
    assert {line["title"].split()[0].lower() for line in new} <= DEPARTMENT
    assert evenly(lines, 3) == [lines[0], lines[2000], lines[4000]]
