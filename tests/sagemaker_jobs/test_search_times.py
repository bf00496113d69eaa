import numpy as np
import pytest

from sagemaker_jobs.search_times import search_times, slowdown


def test_searches_take_turns_and_every_query_is_asked_in_every_pass():
    asked = []

    took = search_times(
        {name: lambda query, name=name: asked.append((name, query)) for name in ("a", "b")}, ["x", "y"], passes=2
    )

    assert asked == [
        *(("b", "x"), ("a", "x"), ("a", "y"), ("b", "y")),
        *(("a", "x"), ("b", "x"), ("b", "y"), ("a", "y")),
    ]
    assert {name: times.shape for name, times in took.items()} == {"a": (2,), "b": (2,)}
    assert all((times > 0).all() for times in took.values())


def test_twice_the_time_is_twice_as_slow():
    theirs = np.arange(1.0, 101.0)

    ratio = slowdown(2 * theirs, theirs, 50, seed=1)

    assert (ratio.mean, ratio.low, ratio.high) == pytest.approx((2, 2, 2))


def test_one_query_that_was_interrupted_is_no_slow_release():
    theirs = np.full(60, 3.0)
    ours = theirs.copy()
    ours[7] = 30.0

    ratio = slowdown(ours, theirs, 99, seed=1)

    assert ratio.mean > 1.5
    assert ratio.low == 1
