import numpy as np
import pytest

from sagemaker_jobs.query_noise import NEIGHBOURING_KEYS, SLIPS, mistyped, noisy, other_number

QUERY = "red wireless headphones 16gb"


def the_only(slip):
    return {slip: 1.0}


def all_of(word, times=400):
    return {mistyped(word, np.random.default_rng(seed)) for seed in range(times)}


def test_without_strength_a_query_stays_as_it_is():
    for seed in range(50):
        assert noisy("  red   headphones ", np.random.default_rng(seed), strength=0) == "  red   headphones "


@pytest.mark.parametrize("text", ["tv", "a b", "usb hub", "x", "笔记本 电脑"])
def test_no_query_becomes_empty_however_strong_the_noise(text):
    for seed in range(200):
        assert noisy(text, np.random.default_rng(seed), strength=100).strip()


def test_a_query_without_words_is_given_back():
    assert noisy("  ", np.random.default_rng(0), strength=100) == "  "


def test_the_same_seed_slips_in_the_same_way():
    first = [noisy(QUERY, generator) for generator in [np.random.default_rng(3)] for _ in range(30)]
    second = [noisy(QUERY, generator) for generator in [np.random.default_rng(3)] for _ in range(30)]

    assert first == second
    assert len(set(first)) > 3


def test_about_half_of_all_queries_stay_as_they_are():
    generator = np.random.default_rng(0)

    unchanged = np.mean([noisy(QUERY, generator) == QUERY for _ in range(4000)])

    by_hand = np.prod([1 - share for share in SLIPS.values()])
    assert by_hand == pytest.approx(0.459)
    assert unchanged == pytest.approx(by_hand + 0.01, abs=0.03)  # an order drawn anew is now and then the old one


def test_keys_next_to_each_other_are_neighbours():
    assert set(NEIGHBOURING_KEYS["g"]) == set("fhtyvb")
    assert set(NEIGHBOURING_KEYS["q"]) == set("wa")
    assert all(letter in NEIGHBOURING_KEYS[other] for letter, keys in NEIGHBOURING_KEYS.items() for other in keys)


def test_a_mistyped_word_has_one_slip_of_each_kind_and_no_other():
    dropped = {"cse", "cae", "cas"}
    doubled = {"caase", "casse", "casee"}
    transposed = {"csae", "caes"}
    by_key = {"case"[:at] + key + "case"[at + 1 :] for at in range(1, 4) for key in NEIGHBOURING_KEYS["case"[at]]}

    assert all_of("case") == dropped | doubled | transposed | by_key


def test_a_dropped_word_leaves_the_others_in_their_order():
    found = {noisy("red desk lamp", np.random.default_rng(seed), slips=the_only("drop")) for seed in range(50)}

    assert found == {"desk lamp", "red lamp", "red desk"}


def test_another_order_holds_the_same_words():
    found = {noisy("red desk lamp", np.random.default_rng(seed), slips=the_only("reorder")) for seed in range(100)}

    assert len(found) == 6
    assert {tuple(sorted(query.split())) for query in found} == {("desk", "lamp", "red")}


def test_one_word_changes_between_singular_and_plural():
    found = {noisy("desk lamps 2kg", np.random.default_rng(seed), slips=the_only("number")) for seed in range(50)}

    assert found == {"desks lamps 2kg", "desk lamp 2kg"}


@pytest.mark.parametrize("word", ["laptop", "battery", "box", "brush", "toy", "glass", "case"])
def test_the_plural_of_a_plural_is_the_singular(word):
    assert other_number(other_number(word)) == word


@pytest.mark.parametrize("text", ["16gb", "b005s28zes", "t430", "usb", "42"])
def test_words_with_digits_and_short_words_are_never_mistyped(text):
    slips = {"typo": 1.0, "number": 1.0}

    assert {noisy(text, np.random.default_rng(seed), slips=slips) for seed in range(50)} == {text}


@pytest.mark.parametrize("strength", [-1.0, float("nan")])
def test_a_strength_that_is_none_is_refused(strength):
    with pytest.raises(ValueError, match="strength"):
        noisy("lamp", np.random.default_rng(0), strength=strength)
