from collections import Counter

import pytest

from benchmarks.queries import asked_again, queries_from_titles


def test_a_query_is_two_to_five_words_of_one_title():
    titles = ["red running shoes for winter days", "toner"]

    queries = queries_from_titles(titles, 12, seed=1)

    assert len(queries) == len(set(queries)) == 12
    assert all(any(query in title for title in titles) for query in queries)
    assert {len(query.split()) for query in queries if query != "toner"} <= {2, 3, 4, 5}


def test_the_same_seed_asks_the_same_queries():
    assert queries_from_titles(["a b c d"], 5, seed=2) == queries_from_titles(["a b c d"], 5, seed=2)


def test_titles_that_do_not_hold_enough_give_fewer():
    assert queries_from_titles(["toner"], 5, seed=1) == ["toner"]


def test_queries_that_come_again_follow_their_places_in_the_list():
    asked = Counter(asked_again(["first", "second", "third", "fourth"], 12_000, exponent=1.0, seed=3))

    # 1/1 + 1/2 + 1/3 + 1/4 = 25/12: of 12,000 the shares are 5,760, 2,880, 1,920 and 1,440.
    assert [asked[query] for query in ("first", "second", "third", "fourth")] == [
        pytest.approx(share, rel=0.08) for share in (5760, 2880, 1920, 1440)
    ]


def test_the_same_seed_asks_again_in_the_same_order():
    assert asked_again(["a", "b"], 20, exponent=0.8, seed=1) == asked_again(["a", "b"], 20, exponent=0.8, seed=1)
