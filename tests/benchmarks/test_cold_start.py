import pytest

from benchmarks import cold_start
from benchmarks.cold_start import measure_cold_start, measure_imports
from benchmarks.tables import cold_start_table
from functions.routes import ROUTES
from tests.builders import a_release


@pytest.fixture(autouse=True)
def once(monkeypatch):
    """One run instead of several: what is measured is no matter here."""
    monkeypatch.setattr(cold_start, "RUNS", 1)


def test_every_function_is_imported_in_a_process_of_its_own():
    imports = {entry["function"]: entry for entry in measure_imports()}

    assert imports.keys() == {route.function for route in ROUTES}
    assert all(entry["import_ms"] > 0 for entry in imports.values())
    assert imports["manage_catalogue"]["modules"] < imports["assemble_results"]["modules"]


def test_a_start_is_an_import_an_opening_and_a_first_search(tmp_path):
    measured = measure_cold_start(a_release(tmp_path, weights={"bm25": 1.0}))

    assert measured.keys() == {"cold_import_ms", "cold_open_ms", "first_search_ms", "resident_mb"}
    assert all(value > 0 for value in measured.values())


def test_the_table_names_each_function_once():
    machine = {"processor": "A chip", "cores": 2, "python": "3.11.7"}
    circumstances = {"date": "2026-11-22", "code": "abc", "machine": machine, "release": {"products": 19406}}
    start = {"cold_import_ms": 300.4, "cold_open_ms": 170.0, "first_search_ms": 9.0, "resident_mb": 212.0, "runs": 5}
    imports = [{"function": name, "import_ms": 250.6} for name in ("assemble_results", "rerank")]

    table = cold_start_table(circumstances | start | {"imports": imports})

    assert "| importing the front door, ms | 300 |" in table
    assert "| importing rerank, ms | 251 |" in table
    assert "assemble_results" not in table
