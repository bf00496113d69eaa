import numpy as np
import pytest

from relevance.drift import (
    CERTAIN,
    LARGE_CHANGE,
    OTHER,
    chance_of_stability,
    kolmogorov_smirnov,
    population_stability,
)


def test_equal_distributions_are_stable_whatever_their_sizes():
    assert population_stability({"a": 200, "b": 800}, {"a": 20_000, "b": 80_000}) == pytest.approx(0, abs=0.001)


def test_the_index_is_the_sum_of_differences_times_logarithms_of_ratios():
    found = population_stability({"a": 60_000, "b": 40_000}, {"a": 40_000, "b": 60_000})

    assert found == pytest.approx(2 * 0.2 * np.log(1.5), rel=0.001)


def test_a_value_that_is_new_counts_with_the_others():
    found = population_stability({"a": 500, OTHER: 500}, {"a": 500, "new": 500})

    assert found == pytest.approx(0, abs=0.001)


def test_an_empty_bin_gives_a_large_and_finite_index():
    found = population_stability({"a": 500, "b": 500}, {"a": 1000})

    assert LARGE_CHANGE < found < 10


def test_small_samples_of_one_population_stay_below_what_chance_explains():
    generator = np.random.default_rng(3)
    values = [str(value) for value in range(20)]

    def a_sample() -> dict[str, float]:
        return dict(zip(values, generator.multinomial(100, [1 / 20] * 20).tolist(), strict=True))

    samples = [(a_sample(), a_sample()) for _ in range(300)]
    above = np.mean([population_stability(*pair) > chance_of_stability(*pair) for pair in samples])
    beyond_the_rule = np.mean([population_stability(*pair) > LARGE_CHANGE for pair in samples])
    assert above < 0.05
    assert beyond_the_rule > 0.8  # the fixed limit alone would call nearly all of them changed


def test_two_samples_of_one_population_are_seldom_told_apart():
    generator = np.random.default_rng(1)
    pairs = [np.sort(generator.normal(size=(2, 200))) for _ in range(300)]

    found = [kolmogorov_smirnov(a, b, count_before=200, count_now=200)[1] for a, b in pairs]

    assert np.mean(np.array(found) < CERTAIN) < 0.03


def test_a_shifted_sample_is_told_apart_by_its_distance():
    points = np.linspace(0, 1, 1001)

    distance, likelihood = kolmogorov_smirnov(points, points + 0.25, count_before=1001, count_now=1001)

    assert distance == pytest.approx(0.25, abs=0.01)
    assert likelihood < 1e-6


def test_quantiles_stand_for_a_large_sample():
    generator = np.random.default_rng(1)
    first, second = np.sort(generator.gamma(2, size=5000)), np.sort(generator.gamma(3, size=5000))
    steps = np.linspace(0, 1, 101)

    whole, _ = kolmogorov_smirnov(first, second, count_before=5000, count_now=5000)
    by_quantiles, _ = kolmogorov_smirnov(
        np.quantile(first, steps), np.quantile(second, steps), count_before=5000, count_now=5000
    )

    assert by_quantiles == pytest.approx(whole, abs=0.02)
