import pytest

from benchmarks.scale import OBJECT_READS_MB_PER_SECOND, release_in, search_in_turns, size_of
from benchmarks.scale_search import measure_cold
from tests.builders import a_release

QUERIES = ("lamp", "laptop bag", "kettle", "wireless mouse")


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    return a_release(tmp_path_factory.mktemp("scale"), weights={"fused": 1.0})


def test_a_release_is_fetched_in_its_size_over_the_speed_of_reads(release):
    size = size_of(release)

    assert size["release_mb"] == pytest.approx(sum(f.stat().st_size for f in release.rglob("*") if f.is_file()) / 1e6)
    assert size["computed_fetch_seconds"] * OBJECT_READS_MB_PER_SECOND == pytest.approx(size["release_mb"])


def test_a_cold_search_has_times_and_the_memory_of_its_process(release):
    measured = measure_cold(release, QUERIES)

    assert measured.keys() == {"open_seconds", "first_search_seconds", "memory_mb", "mapped_mb"}
    assert all(value > 0 for value in measured.values())


def test_releases_are_searched_in_processes_of_their_own(release):
    queries = [f"{query} {number}" for number in range(30) for query in QUERIES]

    (measured,) = search_in_turns([release], queries, rounds=1)

    assert release_in(release.parents[1]) == release
    assert measured["measured"][0]["what"] == "in the handler: a whole request"
    assert 0 < measured["measured"][0]["p50_ms"] <= measured["measured"][0]["p99_ms"]
    assert measured["recall"] == 1.0  # of a small catalogue every vector is looked at
