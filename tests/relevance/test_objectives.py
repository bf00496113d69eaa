import math
import tomllib

import pytest

from cli.bill import PRICES
from infra.stage import Stage
from relevance.metrics import Difference
from relevance.objectives import FUNCTION_MEMORY_MIB, OBJECTIVES, Figure, cost_gb_seconds, objective, verdict

KEPT = {one.name: Figure(one.limit) for one in OBJECTIVES}
"""Each limit just reached."""


def checks(measured, **given):
    judged = verdict(measured, against="live-1", data="made up", **given)
    return judged, {check.objective: check for check in judged.checks}


def test_a_release_that_just_keeps_every_limit_passes():
    judged, _ = checks(KEPT)

    assert judged.passed
    assert [check.objective for check in judged.checks] == [one.name for one in OBJECTIVES]


@pytest.mark.parametrize("one", OBJECTIVES, ids=lambda one: one.name)
def test_each_limit_stops_a_release_by_itself(one):
    beyond = one.limit + (-1e-6 if one.direction == "at least" else 1e-6)

    judged, found = checks(KEPT | {one.name: Figure(beyond)})

    assert not judged.passed
    assert [check.objective for check in judged.checks if not check.passed] == [one.name]
    assert found[one.name].reason.startswith("Missed: ")


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_what_was_not_measured_misses(value):
    measured = {name: figure for name, figure in KEPT.items() if name != "latency_p99"}

    judged, found = checks(measured if value is None else measured | {"latency_p99": Figure(value)})

    assert not judged.passed
    assert found["latency_p99"].found is None
    assert found["latency_p99"].reason.startswith("Could not be measured: ")


def test_without_a_live_release_the_limits_that_need_none_decide():
    absolute = {name: figure for name, figure in KEPT.items() if "live release" not in objective(name).needs}

    judged, found = checks(absolute, absent={"live release"})

    assert judged.passed
    assert found["relevance_against_live"].found is None
    assert "no live release to measure" in found["relevance_against_live"].reason
    assert not checks(absolute)[0].passed
    assert not checks(absolute | {"relevance": Figure(0.1)}, absent={"live release"})[0].passed


def test_a_reason_says_the_figure_the_limit_and_what_is_behind_it():
    figure = Figure.worst_case(Difference(-0.004, -0.031, 0.02), queries=1200)

    _, found = checks(KEPT | {"relevance_against_live": figure})

    assert found["relevance_against_live"].reason == (
        "Missed: the difference in nDCG@10 from the live release, at the lower end of its interval is -0.031 "
        "(-0.0040 on average over 1,200 queries, 95% within -0.0310 to +0.0200); at least -0.02 is asked for."
    )


def test_a_figure_that_has_no_limit_is_refused():
    with pytest.raises(ValueError, match="no objective is called beauty"):
        checks(KEPT | {"beauty": Figure(1.0)})


def test_the_function_whose_cost_is_limited_is_the_one_that_is_deployed():
    assert Stage.front_door_memory_mib == FUNCTION_MEMORY_MIB


def test_a_search_at_the_limit_of_cost_is_cheaper_than_its_way_through_the_gateway():
    prices = tomllib.loads(PRICES.read_text())

    dollars = objective("cost").limit * prices["lambda_gb_second_arm64"]["usd"]

    assert dollars < 1_000_000 * prices["http_api_request"]["usd"]
    assert cost_gb_seconds(20.0) < objective("cost").limit < cost_gb_seconds(30.0)
