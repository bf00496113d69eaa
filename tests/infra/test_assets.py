"""What each function ships, and that this is enough for it."""

import subprocess
import sys
from pathlib import Path

import pytest

from infra.layer_contents import HOST, LAYER_PACKAGES
from local.environments import EMULATOR_PYTHON

FUNCTIONS = ("assemble_results", "preprocess_query", "rerank")

SHOW_OWN_MODULES = """
import sys
import functions.{folder}.handler
for name, module in sorted(sys.modules.items()):
    if name.split(".")[0] in ("functions", "relevance", "models", "infra") and getattr(module, "__file__", None):
        print(module.__file__)
"""


def own_modules(python: Path, asset: Path, folder: str, path: list[Path]) -> list[str]:
    code = f"import sys; sys.path[1:1] = {[str(part) for part in path]!r}" + SHOW_OWN_MODULES.format(folder=folder)
    ran = subprocess.run([python, "-c", code], cwd=asset, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.split()


@pytest.mark.parametrize("folder", FUNCTIONS)
def test_an_asset_holds_its_own_function_and_no_other(dev, folder):
    asset = dev.asset(folder)

    assert {path.name for path in asset.iterdir()} == {"functions", "relevance"}
    assert {path.name for path in (asset / "functions").iterdir() if path.is_dir()} == {"aws", folder}
    assert {"environment.py", "observability.py"} <= {path.name for path in (asset / "functions").glob("*.py")}


@pytest.mark.parametrize("folder", FUNCTIONS)
def test_an_asset_holds_no_compiled_leftovers(dev, folder):
    assert not list(dev.asset(folder).rglob("__pycache__"))


@pytest.mark.parametrize("folder", FUNCTIONS)
def test_an_asset_imports_by_itself(dev, folder):
    asset = dev.asset(folder)

    imported = own_modules(Path(sys.executable), asset, folder, [])

    assert imported
    assert all(module.startswith(str(asset)) for module in imported)


@pytest.mark.parametrize("folder", FUNCTIONS)
def test_an_asset_and_the_layers_are_all_that_the_emulators_python_needs(dev, folder):
    layers = [HOST.layer_folder(layer) / "python" for layer in LAYER_PACKAGES]
    if not EMULATOR_PYTHON.exists() or not all(layer.is_dir() for layer in layers):
        pytest.skip("needs the emulator's environment and the host's layers: `make environment layers`")

    imported = own_modules(EMULATOR_PYTHON, dev.asset(folder), folder, layers)

    assert all(module.startswith(str(dev.asset(folder))) for module in imported)
