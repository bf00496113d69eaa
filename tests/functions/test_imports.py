"""What a function imports before it is asked anything: each module is time in every cold start.

Counted, not timed: how many milliseconds it takes is measured by `benchmarks/cold_start.py`.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from functions.routes import ROUTES

PROJECT = Path(__file__).parents[2]
FUNCTIONS = sorted({route.function for route in ROUTES} | {"publish_release", "trigger_retraining"})

MOST_MODULES = {
    "assemble_results": 540,
    "preprocess_query": 540,
    "rerank": 540,
    "manage_catalogue": 410,
    "publish_release": 310,
    "trigger_retraining": 340,
}
"""A tenth above what they import now; the standard library is not counted, as it differs between Pythons."""

AT_FIRST_USE = ("faiss", "onnxruntime")
"""A tenth of a second each, and only an open release needs them."""

NEVER = ("torch", "onnx", "transformers", "scipy", "pandas", "aws_cdk", "aiohttp", "moto")
"""Of the training, the stacks, the local cloud and the tests."""

OF_A_SEARCH = ("numpy", "tantivy", "Stemmer", "relevance.search", "relevance.index", "relevance.encoder")
WITHOUT_SEARCH = ("manage_catalogue", "publish_release", "trigger_retraining")
"""Functions that have not even the layer of what searches."""

SHOW_MODULES = """
import sys
import functions.{function}.handler
print(*(name for name in sys.modules if name.partition(".")[0] not in sys.stdlib_module_names), sep="\\n")
"""


@pytest.fixture(scope="module", params=FUNCTIONS)
def imported(request):
    """A function, and the modules that a fresh interpreter has behind the import of its handler."""
    command = [sys.executable, "-c", SHOW_MODULES.format(function=request.param)]
    shown = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout.split("\n")
    return request.param, {name for name in shown if name}


def test_a_function_imports_no_more_than_its_ceiling(imported):
    function, modules = imported

    assert f"functions.{function}.handler" in modules
    assert len(modules) <= MOST_MODULES[function]


@pytest.mark.parametrize("heavy", [*AT_FIRST_USE, *NEVER])
def test_no_function_begins_with_a_heavy_library(imported, heavy):
    _, modules = imported

    assert heavy not in modules


def test_a_function_imports_no_other(imported):
    function, modules = imported

    assert [other for other in FUNCTIONS if other != function and f"functions.{other}" in modules] == []


@pytest.mark.parametrize("module", OF_A_SEARCH)
def test_only_functions_that_search_import_what_searches(imported, module):
    function, modules = imported

    assert (module in modules) == (function not in WITHOUT_SEARCH)
