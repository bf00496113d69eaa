"""The layers: one source of versions, a size below AWS's limit, and a clear word when they are missing."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import aws_cdk as cdk
import pytest

from infra.build_layers import build_layer, fingerprint, python_of, size_mb
from infra.layer_contents import ARM64, HOST, LAYER_PACKAGES, PROJECT, LayerPlatform, pinned_requirements
from infra.layers import LayersMissing
from infra.search_stack import SearchStack
from infra.stage import stages
from infra.storage_stack import StorageStack

AIM_MB = 220


def test_versions_come_from_the_projects_own_pins():
    assert "numpy==2.4.6" in pinned_requirements("search")
    assert "aws-lambda-powertools==3.37.0" in pinned_requirements("base")


def test_a_package_without_a_pinned_version_is_refused(tmp_path):
    loose = tmp_path / "pyproject.toml"
    loose.write_text('[project]\ndependencies = ["pydantic>=2"]\n[dependency-groups]\nfunctions = []\n')

    with pytest.raises(ValueError, match=r"layer base needs pydantic, pyproject\.toml pins pydantic>=2"):
        pinned_requirements("base", loose)


def test_a_stage_whose_layers_were_not_built_says_which_command_builds_them(tmp_path):
    stage = replace(stages(tmp_path)["dev"], layers=LayerPlatform(str(tmp_path / "absent"), "3.13", None))
    app = cdk.App(outdir=str(tmp_path / "assembly"))

    with pytest.raises(LayersMissing, match=r"stage dev needs .*absent.*; `make layers` builds them"):
        SearchStack(app, stage=stage, storage=StorageStack(app, stage=stage))


def test_an_unknown_stage_is_refused_with_the_ones_there_are():
    ran = subprocess.run(
        [sys.executable, PROJECT / "cdk_app.py"], env={"STAGE": "moon"}, capture_output=True, text=True, check=False
    )

    assert ran.returncode == 1
    assert "STAGE=moon: expected one of local, dev, staging, prod" in ran.stderr


def test_a_layer_that_is_up_to_date_is_left_alone(tmp_path):
    platform = LayerPlatform(str(tmp_path), "3.13", None)
    folder = platform.layer_folder("base")
    folder.mkdir(parents=True)
    (folder / "fingerprint").write_text(fingerprint("base", platform))

    assert build_layer("base", platform) is False


def test_the_layers_for_aws_stay_well_below_its_limit():
    if not all(ARM64.layer_folder(layer).is_dir() for layer in LAYER_PACKAGES):
        pytest.skip("needs the layers for AWS: `make layers`")

    assert 50 < size_mb(ARM64) <= AIM_MB


def test_the_layers_for_aws_hold_code_for_its_processor_alone():
    if not all(ARM64.layer_folder(layer).is_dir() for layer in LAYER_PACKAGES):
        pytest.skip("needs the layers for AWS: `make layers`")

    machines = {machine_of(file) for layer in LAYER_PACKAGES for file in ARM64.layer_folder(layer).rglob("*.so")}

    assert machines == {0xB7}  # EM_AARCH64


def test_the_layers_for_aws_are_compiled_for_its_python():
    if not all(ARM64.layer_folder(layer).is_dir() for layer in LAYER_PACKAGES):
        pytest.skip("needs the layers for AWS: `make layers`")
    if python_of(ARM64.python_version) is None:
        pytest.skip(f"needs a Python {ARM64.python_version}, which compiles them")

    for package in ("base/python/pydantic", "base/python/aws_lambda_powertools", "search/python/numpy"):
        folder = ARM64.layer_folder("base").parent / package
        assert compiled(folder / "__init__.py", ARM64.python_version).is_file()


def test_compiled_code_is_taken_whatever_the_time_of_its_source():
    folder = HOST.layer_folder("base") / "python" / "pydantic"
    if not folder.is_dir():
        pytest.skip("needs the host's layers: `make layers`")

    flags = compiled(folder / "__init__.py", HOST.python_version).read_bytes()[4:8]

    assert int.from_bytes(flags, "little") == 0b01  # by hash, and unchecked (PEP 552)


def test_a_python_that_this_machine_has_not_is_none():
    assert python_of("2.1") is None
    assert python_of(HOST.python_version) == sys.executable


def compiled(source: Path, version: str) -> Path:
    return source.parent / "__pycache__" / f"{source.stem}.cpython-{version.replace('.', '')}.pyc"


def machine_of(shared_object: Path) -> int:
    return int.from_bytes(shared_object.read_bytes()[18:20], "little")
