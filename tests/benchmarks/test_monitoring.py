from benchmarks.front_door import front_door
from benchmarks.monitoring import measure, unwatched
from tests.builders import a_release


def test_unwatched_a_search_is_answered_and_nothing_is_counted(tmp_path):
    said = []
    with front_door(a_release(tmp_path), lambda body, logged: said.append(logged)) as ask:
        ask("lamp")
        with unwatched():
            answer = ask("lamp")

    assert '"hits"' in answer
    assert ["SearchesAnswered" in logged for logged in said] == [True, False]


def test_every_query_is_asked_both_ways(tmp_path):
    found = measure(a_release(tmp_path), ["lamp", "mouse", "shoes"], ["warm"])

    assert found["queries"] == 3
    assert all(entry["p50_ms"] > 0 for entry in found["measured"])
    assert found["added_low_ms"] <= found["added_mean_ms"] <= found["added_high_ms"]
