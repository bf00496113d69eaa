import random

import pytest

from benchmarks.spelling import changed_queries, corrected_share, misspelt, slip
from relevance.spelling import Spelling, edit_cost

WORDS = ("keyboard", "monitor", "printer", "cable", "cables")


@pytest.fixture
def spelling():
    return Spelling.of([[[word]] for word in WORDS])


@pytest.mark.parametrize("edits", [1, 2])
def test_a_misspelling_is_as_many_edits_away_as_asked_and_no_word(spelling, edits):
    rng = random.Random(1)

    typed = [slip("cables", edits, spelling, rng) for _ in range(200)]

    assert {edit_cost(one, "cables", 2) // 100 for one in typed} == {edits}
    assert not set(typed) & set(WORDS)


def test_every_kind_of_edit_is_drawn_everywhere():
    rng = random.Random(1)

    typed = {misspelt("cable", 1, rng) for _ in range(2000)}

    assert {"able", "cabl", "acble", "cabel"} <= typed
    assert {len(one) for one in typed} == {4, 5, 6}


def test_shares_count_right_answers_and_untouched_words(spelling):
    entry = corrected_share(["keyboard"] * 20, 1, spelling, lambda _: False, 1)
    nothing = corrected_share(["keyboard"] * 20, 1, Spelling({}, ()), lambda _: False, 1)

    assert (entry["corrected"], entry["found"], entry["untouched"]) == (1.0, 1.0, 0.0)
    assert (nothing["corrected"], nothing["untouched"]) == (0.0, 1.0)


def test_a_changed_query_is_shown_with_what_it_became(spelling):
    entry = changed_queries(["printer cable", "pointer"], spelling, lambda _: False)

    assert entry == {"queries": 2, "changed": 0.5, "such_as": ["pointer -> printer"]}
