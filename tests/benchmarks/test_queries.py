from benchmarks.queries import queries_from_titles


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
