import json

import pytest

from benchmarks.front_door import front_door
from tests.builders import a_product, a_release


def test_the_function_is_asked_as_lambda_asks_it(tmp_path):
    release = a_release(tmp_path)

    with front_door(release) as ask:
        answer = json.loads(ask("wireless mouse"))

    assert answer["hits"][0]["objectID"] == "mouse"
    assert answer["release"] == release.name


def test_another_release_is_served_by_the_next_front_door(tmp_path):
    with front_door(a_release(tmp_path / "one")) as ask:
        ask("lamp")
    release = a_release(tmp_path / "two", [a_product("only", "One red lamp")])

    with front_door(release) as ask:
        answer = json.loads(ask("lamp"))

    assert [hit["objectID"] for hit in answer["hits"]] == ["only"]


def test_an_answer_that_is_no_answer_stops_the_measurement(tmp_path):
    with front_door(a_release(tmp_path)) as ask, pytest.raises(RuntimeError, match="400"):
        ask(7)


@pytest.mark.parametrize(("most", "remembered"), [(0, [0, 0, 0]), (10, [0, 1, 0])])
def test_queries_are_remembered_only_where_that_is_asked_for(tmp_path, most, remembered):
    said = []
    release = a_release(tmp_path, weights={"bm25": 1.0})

    with front_door(release, lambda body, logged: said.append(logged), remembered_queries=most) as ask:
        for query in ("lamp", "lamp", "mouse"):
            ask(query)

    assert ['"SearchesRemembered":[1.0]' in logged for logged in said] == [bool(one) for one in remembered]
