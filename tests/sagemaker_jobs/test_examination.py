"""The correction for places, on a simulated log: nobody shopped there, so the right answers are known."""

from collections import Counter

import numpy as np
import pytest

from sagemaker_jobs.examination import ASSUMED_FALL, DEEPEST, MOST_WEIGHT, Standing, estimate_examination
from tests.sagemaker_jobs.simulated_log import PLACES, TRUE_EXAMINATION, SimulatedShop


def standings(shop: SimulatedShop, pages: int, noise: float = 1.0) -> list[Standing]:
    shown: Counter[tuple[int, int, int]] = Counter()
    clicked: Counter[tuple[int, int, int]] = Counter()
    for _, _, query, order, clicks in shop.pages(pages, noise=noise):
        for place, (product, click) in enumerate(zip(order, clicks, strict=True), start=1):
            shown[query, product, place] += 1
            clicked[query, product, place] += click
    return [Standing(str(key[0]), str(key[1]), key[2], count, clicked[key]) for key, count in shown.items()]


@pytest.mark.parametrize("queries", [200, 2000])
def test_the_examination_that_a_log_was_simulated_with_is_recovered(queries):
    found = estimate_examination(standings(SimulatedShop(queries), 20_000))

    assert np.abs(found.propensities[:PLACES] - TRUE_EXAMINATION).max() < 0.04
    assert found.measured == tuple(range(1, PLACES + 1))


def test_plain_click_rates_are_further_from_the_truth():
    log = standings(SimulatedShop(200), 20_000)

    rates = np.zeros(PLACES)
    for standing in log:
        rates[standing.place - 1] += standing.clicked
    found = estimate_examination(log)

    assert (
        np.abs(rates / rates[0] - TRUE_EXAMINATION).max()
        > 3 * np.abs(found.propensities[:PLACES] - TRUE_EXAMINATION).max()
    )


def test_places_beyond_those_measured_follow_the_fitted_power():
    found = estimate_examination(standings(SimulatedShop(200), 20_000))

    assert found.of(40) == pytest.approx(40**-found.fall)
    assert found.of(10_000) == found.of(DEEPEST)


def test_no_weight_is_above_the_cap():
    found = estimate_examination([])

    assert found.weight(1) == 1
    assert found.weight(DEEPEST) == MOST_WEIGHT


def test_a_log_in_which_nothing_ever_moved_tells_nothing_and_the_assumed_curve_is_taken():
    log = [Standing("lamp", f"p{place}", place, 1000, 300 // place) for place in range(1, 6)]

    found = estimate_examination(log)

    assert found.measured == ()
    assert found.of(4) == pytest.approx(4**-ASSUMED_FALL)


def test_places_that_nothing_joins_to_the_first_are_not_believed():
    log = [Standing("lamp", f"p{place}", place, 1000, 100) for place in (1, 2)]
    moved = [Standing("lamp", "moved", place, 1000, 200) for place in (5, 6)]

    assert estimate_examination(log + moved).measured == ()
