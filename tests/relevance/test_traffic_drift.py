"""Windows of made-up searches beside a baseline of made-up searches: what moves, what chance alone does not move."""

import re
from collections import Counter
from datetime import UTC, datetime

import numpy as np
import pytest

from relevance.contracts.baseline import Baseline, Topic
from relevance.drift import LARGE_CHANGE, SOME_CHANGE
from relevance.query_profile import QueryProfile
from relevance.traffic import KINDS, MOST_OF_ONE, NUMBERS, histogram, kinds, weighed
from relevance.traffic_drift import LEAST_SEARCHES, compare

TOPICS = ("lamp", "kettle", "notebook", "fan", "case", "garden")
SHARES = (0.35, 0.25, 0.2, 0.1, 0.096, 0.004)


def searches(count, seed, *, shares=SHARES, cosine=0.6, no_hits=0.05):
    """Drawn at random; no two have the same numbers, as if each were another query."""
    generator = np.random.default_rng(seed)
    topics = generator.choice(len(TOPICS), count, p=shares)
    cosines = np.clip(generator.normal(cosine, 0.1, count), 0, 1)
    return [
        QueryProfile(
            tokens=int(generator.integers(1, 5)),
            topic=int(topic),
            nearness=round(float(near), 9),
            cosine=float(near),
            fused=float(near) / 2,
            score=float(near) * 3,
            hits=0 if generator.random() < no_hits else int(generator.integers(1, 200)),
            rung="lambda",
        )
        for topic, near in zip(topics.tolist(), cosines.tolist(), strict=True)
    ]


def a_baseline(profiles):
    counted = weighed(Counter(profiles))
    found = {name: histogram(counted, name) for name in NUMBERS}
    return Baseline(
        made_at=datetime(2026, 11, 1, tzinfo=UTC),
        data_sha256="0" * 64,
        origin="log",
        queries=len(counted),
        searches=len(profiles),
        topics=tuple(Topic(words=(word, "thing"), count=1) for word in TOPICS),
        numbers={name: one for name, one in found.items() if one is not None},
        kinds={name: kinds(counted, name) for name in KINDS},
    )


@pytest.fixture(scope="module")
def baseline():
    return a_baseline(searches(3000, seed=0))


@pytest.mark.parametrize("count", [LEAST_SEARCHES, 1000, 10_000])
def test_the_same_shoppers_never_come_near_an_alarm(baseline, count):
    found = [compare(baseline, searches(count, seed)) for seed in range(1, 21)]

    assert max(one.largest_psi for one in found) < SOME_CHANGE
    assert sum(bool(one.moved) for one in found) <= 1


def test_a_topic_that_comes_up_is_named_with_its_shares(baseline):
    garden = [*(share * 0.88 / 0.996 for share in SHARES[:-1]), 0.12]

    found = compare(baseline, searches(2000, seed=1, shares=garden))

    (most, *_) = [one for one in found.moved if one.share is not None]
    assert "of searches are near 'garden thing'" in most.said
    assert most.share == pytest.approx(0.12, abs=0.02)
    assert most.share_before < 0.01
    assert found.query_drift > LARGE_CHANGE > found.score_drift


def test_a_release_that_finds_worse_moves_the_scores_and_not_the_topics(baseline):
    found = compare(baseline, searches(2000, seed=1, cosine=0.45))
    by_name = {one.name: one for one in found.compared}

    assert found.score_drift > LARGE_CHANGE
    assert by_name["topic"].beyond_chance == 0
    assert by_name["cosine"].likelihood < 0.001
    assert by_name["cosine"].mean < by_name["cosine"].mean_before


def test_searches_for_what_no_topic_is_about_are_counted(baseline):
    strange = [one.model_copy(update={"nearness": 0.1}) for one in searches(240, seed=2)]

    found = compare(baseline, [*searches(1760, seed=1), *strange])

    (said,) = [one.said for one in found.moved if one.name == "nearness"]
    far, before = (float(part) for part in re.findall(r"([0-9.]+)%", said))
    assert far == pytest.approx(12 + 0.88 * 5, abs=1.5)
    assert before == pytest.approx(5, abs=0.5)


def test_searches_that_find_nothing_are_named(baseline):
    found = compare(baseline, searches(2000, seed=1, no_hits=0.4))

    said = next(one.said for one in found.moved if one.name == "found")
    assert "nothing" in said
    assert "in the baseline" in said


def test_a_large_window_does_not_alarm_at_a_difference_that_matters_to_nobody(baseline):
    found = compare(baseline, searches(10_000, seed=1, cosine=0.605))

    assert found.largest_psi < SOME_CHANGE
    assert found.moved == ()


def test_too_few_searches_say_nothing(baseline):
    found = compare(baseline, searches(LEAST_SEARCHES - 1, seed=1))

    assert found.outcome == "not enough searches"
    assert found.largest_psi is None


def test_one_query_counts_for_no_more_than_its_cap(baseline):
    (one,) = searches(1, seed=7, shares=(0, 0, 0, 0, 0, 1))
    crowd = searches(1000, seed=1)

    found = compare(baseline, [*crowd, *[one] * 1000])

    assert found.query_drift < SOME_CHANGE
    (loud,) = [each for each in weighed(Counter([*crowd, *[one] * 1000])) if each.profile == one]
    assert loud.weight == MOST_OF_ONE * 2000


def test_a_window_without_vectors_moves_what_they_tell(baseline):
    without = [
        one.model_copy(update={"topic": None, "nearness": None, "cosine": None, "rung": "lexical"})
        for one in searches(500, seed=1)
    ]

    found = compare(baseline, without)

    assert any("100.0% of searches are without a topic" in one.said for one in found.moved)
    assert any(one.name == "vector" for one in found.moved)
