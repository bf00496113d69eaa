import random

import pytest

from relevance.circuit_breaker import CircuitBreaker, RetryBudget


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def a_breaker(clock, seed=1, **given):
    return CircuitBreaker(clock, random.Random(seed), **{"failures": 3, "window": 10, "pause_seconds": 2.0} | given)


def record(breaker, *failures):
    for failed in failures:
        assert breaker.allows()
        breaker.record(failed=failed)


def test_a_breaker_opens_when_enough_calls_in_a_row_have_failed(clock):
    breaker = a_breaker(clock)

    record(breaker, True, True, False, True, True)
    assert breaker.state == "closed"
    record(breaker, True)

    assert breaker.state == "open"
    assert not breaker.allows()


def test_a_breaker_opens_when_half_of_the_last_calls_have_failed(clock):
    breaker = a_breaker(clock)

    record(breaker, *[True, False] * 4, False)
    assert breaker.state == "closed"
    record(breaker, True)

    assert breaker.state == "open"  # 5 of 10, never two in a row


def test_few_calls_say_nothing_of_a_share(clock):
    breaker = a_breaker(clock)

    record(breaker, True, False, True, True, False)

    assert breaker.state == "closed"


def test_behind_the_pause_one_call_is_let_through_and_no_other(clock):
    breaker = a_breaker(clock)
    record(breaker, True, True, True)
    clock.now = 3.0  # 2 s, and half of it at most

    assert breaker.state == "half_open"
    assert [breaker.allows() for _ in range(3)] == [True, False, False]


def test_a_probe_that_succeeds_closes_the_breaker(clock):
    breaker = a_breaker(clock)
    record(breaker, True, True, True)
    clock.now = 3.0
    record(breaker, False)

    assert breaker.state == "closed"
    record(breaker, True, True)
    assert breaker.state == "closed"  # what failed before the pause no longer counts


def test_each_probe_that_fails_doubles_the_pause_up_to_a_limit(clock):
    breaker = a_breaker(clock, longest_pause_seconds=10.0)
    record(breaker, True, True, True)
    pauses = []
    for _ in range(6):
        opened = clock.now
        while breaker.state == "open":
            clock.now += 0.01
        pauses.append(clock.now - opened)
        record(breaker, True)

    for pause, middle in zip(pauses, (2, 4, 8, 10, 10, 10), strict=True):
        assert 0.5 * middle - 0.02 <= pause <= 1.5 * middle + 0.02


def test_two_functions_do_not_come_back_at_the_same_time(clock):
    breakers = [a_breaker(clock, seed) for seed in range(20)]
    for breaker in breakers:
        record(breaker, True, True, True)
    clock.now = 2.0

    back = sum(breaker.state == "half_open" for breaker in breakers)

    assert 4 < back < 16


def test_the_same_draws_make_the_same_pause(clock):
    one, other = a_breaker(clock, 7), a_breaker(clock, 7)
    for breaker in (one, other):
        record(breaker, True, True, True)

    for _ in range(40):
        clock.now += 0.1
        assert one.state == other.state


def test_an_outcome_that_arrives_while_the_breaker_is_open_does_not_close_it(clock):
    breaker = a_breaker(clock)
    assert breaker.allows()
    record(breaker, True, True, True)

    breaker.record(failed=False)

    assert breaker.state == "open"


def test_a_budget_allows_a_tenth_of_all_calls_in_the_long_run():
    budget = RetryBudget(share=0.1, most=3.0)
    allowed = 0

    for _ in range(1000):
        budget.note_call()
        allowed += budget.spend()

    assert 100 <= allowed <= 103


def test_a_quiet_time_saves_up_no_more_than_the_most():
    budget = RetryBudget(share=0.1, most=3.0)
    for _ in range(1000):
        budget.note_call()

    assert [budget.spend() for _ in range(5)] == [True, True, True, False, False]
