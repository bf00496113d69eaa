"""What functions send is what the catalogue says, and the catalogue stays affordable."""

import json
import re
from datetime import timedelta
from typing import get_args

import pytest

from functions.assemble_results import handler as assemble_results
from functions.assemble_results.search_metrics import SearchWatch
from functions.metric_catalogue import (
    METRICS,
    MILLISECONDS_BY_STAGE,
    SEARCHES_BY_RUNG,
    SEARCHES_WITHOUT,
    billed,
)
from functions.observability import metrics
from relevance.contracts.rungs import Degradation, Rung
from relevance.contracts.search_stages import SearchStage
from relevance.release import open_release
from sagemaker_jobs.folders import PROJECT
from tests.api_gateway import ApiGateway

KEY = {"X-Algolia-API-Key": "search-key"}
BY_NAME = {metric.name: metric for metric in METRICS}
MOST_BILLED = 42


def sent(logged: str) -> dict[str, list[float]]:
    """Name -> values, of every metric line in what a function wrote."""
    found: dict[str, list[float]] = {}
    for line in logged.splitlines():
        entry = json.loads(line) if line.startswith("{") else {}
        for directive in entry.get("_aws", {}).get("CloudWatchMetrics", ()):
            for each in directive["Metrics"]:
                values = entry[each["Name"]]
                found.setdefault(each["Name"], []).extend(values if isinstance(values, list) else [values])
    return found


@pytest.fixture(autouse=True)
def nothing_is_left_unsent():
    metrics.clear_metrics()
    yield
    metrics.clear_metrics()


def search(query: str) -> None:
    body = json.dumps({"query": query}).encode()
    assert ApiGateway().send("POST", "/1/indexes/products/query", body, KEY).status == 200


def test_a_search_counts_its_time_by_stage_and_the_age_of_its_release(install, release_folder, capsys):
    install(release_folder)

    search("lamp")

    counted = sent(capsys.readouterr().out)
    stages = sum(counted[metric.name][0] for metric in MILLISECONDS_BY_STAGE.values())
    assert 0 < stages <= counted["SearchMilliseconds"][0]
    assert counted["SearchesAnswered"] == [1]
    assert counted["ReleaseAgeHours"][0] >= 0
    assert counted.keys() <= BY_NAME.keys()


def test_an_answer_that_is_remembered_counts_as_a_search_without_stages(install, release_folder, capsys):
    install(release_folder)
    search("lamp")
    capsys.readouterr()

    search("lamp")

    counted = sent(capsys.readouterr().out)
    assert (counted["SearchesAnswered"], counted["SearchesRemembered"]) == ([1], [1])
    assert not [metric.name for metric in MILLISECONDS_BY_STAGE.values() if metric.name in counted]


def test_a_search_says_what_it_lost_and_by_which_rung_it_went(install, release_folder, capsys, monkeypatch):
    install(release_folder)
    release = assemble_results.serving(assemble_results.settings()).current()
    object.__setattr__(release, "scorer", None)

    search("lamp")

    counted = sent(capsys.readouterr().out)
    assert (counted["SearchesDegraded"], counted["SearchesWithoutRanker"]) == ([1], [1])
    assert "SearchesWithoutVector" not in counted
    assert sum(counted.get(metric.name, [0])[0] for metric in SEARCHES_BY_RUNG.values()) == 1


def test_stages_are_timed_one_behind_the_other():
    ticks = iter([10.0, 10.002, 10.005])
    watch = SearchWatch(clock=lambda: next(ticks))

    watch.passed("understand")
    watch.passed("retrieve")

    assert watch.stage_ms == pytest.approx({"understand": 2.0, "retrieve": 3.0})


def test_the_age_of_a_release_is_told_in_hours(release_folder, capsys):
    release = open_release(release_folder)
    made_at = release.manifest.made_at
    watch = SearchWatch(now=lambda: made_at + timedelta(days=2))
    answer = assemble_results.SearchResponse.model_construct(nb_hits=0, degraded=(), rung="lexical")

    watch.record(answer, release, remembered=False)

    assert metrics.serialize_metric_set()["ReleaseAgeHours"] == [48.0]


def test_every_rung_every_loss_and_every_stage_has_its_metric():
    assert set(get_args(Rung)) <= SEARCHES_BY_RUNG.keys()
    assert set(get_args(Degradation)) <= SEARCHES_WITHOUT.keys()
    assert set(get_args(SearchStage)) == MILLISECONDS_BY_STAGE.keys()


def test_no_two_metrics_share_a_name_and_together_they_stay_affordable():
    assert len(BY_NAME) == len(METRICS)
    assert billed() <= MOST_BILLED


def test_functions_send_nothing_past_the_catalogue():
    past = re.compile(r"\.add_metric\(|single_metric\(")
    sources = [*(PROJECT / "functions").rglob("*.py")]

    found = [path.name for path in sources if past.search(path.read_text(encoding="utf-8"))]

    assert found == ["observability.py"]
