"""What a new execution environment costs: importing a function, opening a release, its first search, its memory.

Each run is a process of its own, and the release lies on its disk: fetching one from S3 is not in the figures.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.results_file import read_arguments, write_results
from functions.routes import ROUTES
from sagemaker_jobs.folders import PROJECT

RUNS = 5

_RUN = """
import json, sys, time
start = time.perf_counter()
import functions.assemble_results.handler
imported = time.perf_counter()
from pathlib import Path
from relevance.contracts.api import SearchParameters
from relevance.release import open_release
from relevance.search import InProcess, search
release = open_release(Path(sys.argv[1]))
opened = time.perf_counter()

def ask(query):
    search(SearchParameters(query=query), release, InProcess(release), query_id="0" * 32, index_name="products")

ask("wireless mouse")
answered = time.perf_counter()
for query in sys.argv[2:]:
    ask(query)
pages = int(Path("/proc/self/statm").read_text().split()[1]) if Path("/proc/self/statm").exists() else 0
import resource
print(json.dumps({
    "cold_import_ms": (imported - start) * 1000,
    "cold_open_ms": (opened - imported) * 1000,
    "first_search_ms": (answered - opened) * 1000,
    "resident_mb": pages * resource.getpagesize() / 1e6,
}))
"""

_IMPORT = """
import importlib, json, sys, time
start = time.perf_counter()
importlib.import_module(f"functions.{sys.argv[1]}.handler")
print(json.dumps({"import_ms": (time.perf_counter() - start) * 1000, "modules": len(sys.modules)}))
"""

QUERIES = (
    "laptop bag",
    "usb c hub",
    "toner hp 90",
    "headph",
    "keybord",
    "samsung monitor 27 inch",
    "dvd player",
    "lamp",
)
"""Asked before the memory is looked at: words found and not, numbers, a beginning, a slip."""


def measure_cold_start(release: Path) -> dict[str, float]:
    """The median of RUNS runs: ms of import, opening and first search, and resident MB behind some searches."""
    return _medians(_RUN, str(release.resolve()), *QUERIES)


def measure_imports() -> list[dict[str, Any]]:
    """Of each function: the median ms of its import, and how many modules that brings, Python's own included."""
    functions = sorted({route.function for route in ROUTES})
    return [{"function": function} | _medians(_IMPORT, function) for function in functions]


def _medians(code: str, *arguments: str) -> dict[str, float]:
    """What RUNS fresh interpreters print, a JSON object each."""
    command = [sys.executable, "-c", code, *arguments]
    runs: list[Mapping[str, float]] = [
        json.loads(subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout)
        for _ in range(RUNS)
    ]
    return {name: round(median(run[name] for run in runs), 1) for name in runs[0]}


def main() -> int:
    """Measure, print, write `cold_start.json`."""
    given = read_arguments(__doc__)
    measured = measure_cold_start(given.release)
    for name, value in measured.items():
        print(f"{name:16}{value:8.1f}")
    imports = measure_imports()
    for entry in imports:
        print(f"importing {entry['function']:18}{entry['import_ms']:8.1f} ms {entry['modules']:6.0f} modules")
    print(write_results("cold_start", given, {"runs": RUNS, **measured, "imports": imports}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
