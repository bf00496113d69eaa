"""What each function ships, and that this and its layers are enough for it."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from functions.routes import ROUTES
from infra.layer_contents import HOST, LAYER_PACKAGES

FUNCTIONS = sorted({route.function for route in ROUTES} | {"publish_release", "trigger_retraining"})

RUNTIME_HAS = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")
"""What Lambda's Python brings itself."""

SHOW_OWN_MODULES = """
import sys
sys.path[:0] = {path!r}
import functions.{folder}.handler
for name, module in sorted(sys.modules.items()):
    if name.split(".")[0] in ("functions", "relevance", "models", "infra") and getattr(module, "__file__", None):
        print(module.__file__)
"""


@pytest.fixture(scope="module")
def runtime(tmp_path_factory):
    """A folder with the packages of Lambda's own runtime and nothing else."""
    folder = tmp_path_factory.mktemp("runtime")
    for package in RUNTIME_HAS:
        module = Path(find_spec(package).origin)
        module = module.parent if module.name == "__init__.py" else module
        (folder / module.name).symlink_to(module)
    return folder


@pytest.mark.parametrize("folder", FUNCTIONS)
def test_an_asset_holds_its_own_function_and_no_other(dev, folder):
    asset = dev.asset(folder)

    assert {path.name for path in asset.iterdir()} == {"functions", "relevance"}
    assert {path.name for path in (asset / "functions").iterdir() if path.is_dir()} == {"aws", folder}
    assert {"environment.py", "observability.py"} <= {path.name for path in (asset / "functions").glob("*.py")}


@pytest.mark.parametrize("folder", FUNCTIONS)
def test_an_asset_holds_no_compiled_leftovers_and_nothing_but_code(dev, folder):
    files = [path for path in dev.asset(folder).rglob("*") if path.is_file()]

    assert files
    assert [path for path in files if path.suffix != ".py" or path.parent.name == "__pycache__"] == []


@pytest.mark.parametrize("folder", FUNCTIONS)
def test_an_asset_the_layers_and_the_runtime_are_all_that_a_function_imports(dev, folder, runtime):
    attached = str(dev.function(folder)["Layers"])
    layers = [
        HOST.layer_folder(layer) / "python" for layer in LAYER_PACKAGES if f"Layers{layer.capitalize()}" in attached
    ]
    if not all(layer.is_dir() for layer in layers):
        pytest.skip("needs the host's layers: `make layers`")
    asset = dev.asset(folder)
    code = SHOW_OWN_MODULES.format(folder=folder, path=[str(part) for part in (asset, *layers, runtime)])

    # -I and -S: neither this project, nor its environment, nor PYTHONPATH
    ran = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stderr
    imported = ran.stdout.split()
    assert layers
    assert f"{asset}/functions/{folder}/handler.py" in imported
    assert all(module.startswith(str(asset)) for module in imported)


def test_the_catalogue_is_written_without_the_search_engines(dev):
    attached = str(dev.function("manage_catalogue")["Layers"])

    assert "LayersBase" in attached
    assert "LayersSearch" not in attached
