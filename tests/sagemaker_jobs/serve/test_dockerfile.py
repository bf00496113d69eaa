"""The container's recipe, as far as it can be held to its word without Docker."""

import json
import re
import shutil
import subprocess
import sys
import tomllib

import pytest

from sagemaker_jobs.folders import PROJECT

TEXT = (PROJECT / "sagemaker_jobs" / "serve" / "Dockerfile").read_text(encoding="utf-8")
LINES = [line for line in TEXT.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]
PINNED = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
GROUPS = PINNED["dependency-groups"]


def after(word):
    return [line.removeprefix(f"{word} ") for line in LINES if line.startswith(f"{word} ")]


def installed(group):
    """What a group holds, with the groups that it includes."""
    found = []
    for entry in GROUPS[group]:
        found += installed(entry["include-group"]) if isinstance(entry, dict) else [entry]
    return found


def test_every_base_is_a_full_version():
    assert after("FROM")
    for base in after("FROM"):
        assert re.fullmatch(r"[a-z/.]+:\d+\.\d+\.\d+-[a-z-]+( AS \w+)?", base)


def test_all_that_is_installed_is_a_group_of_the_project():
    (installing,) = [line for line in after("RUN") if " install " in line]

    assert installing == "pip install --no-cache-dir --group serving-$DEVICE"
    assert after("ARG") == ["DEVICE=cuda"]
    assert {"serving-cuda", "serving-cpu"} <= GROUPS.keys()


@pytest.mark.parametrize("group", ["serving-cpu", "serving-cuda"])
def test_every_package_is_pinned_and_as_it_is_elsewhere_in_the_project(group):
    everywhere = {*PINNED["project"]["dependencies"], *GROUPS["local"]}
    pins = {re.split(r"[\[=]", entry)[0]: entry.split("==")[1] for entry in everywhere}

    for entry in installed(group):
        name, version = re.fullmatch(r"([a-z-]+)(?:\[[a-z,]+\])?==([\d.]+)", entry).groups()
        assert pins.get(name, version) == version


def test_what_it_copies_is_there_and_the_program_imports_with_nothing_else(tmp_path):
    for line in after("COPY"):
        source, target = line.split()
        assert (PROJECT / source).exists()
        if (PROJECT / source).is_dir():
            shutil.copytree(PROJECT / source, tmp_path / target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (tmp_path / target).parent.mkdir(exist_ok=True)
            shutil.copy(PROJECT / source, tmp_path / target)
    (entry,) = after("ENTRYPOINT")
    program = json.loads(entry)[2]
    absent = ("torch", "transformers", "tantivy", "faiss", "Stemmer", "boto3", "scipy", "onnx", "models", "functions")
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({absent})); sys.path.insert(0, '.')\n"
        f"import {program}.__main__ as program; print(program.__file__)"
    )

    where = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert where.stdout.startswith(str(tmp_path))


def test_it_does_not_run_as_root_and_answers_on_the_port_that_sagemaker_asks():
    assert after("USER") == ["vitrine"]
    assert after("EXPOSE") == ["8080"]
    assert LINES.index("USER vitrine") < LINES.index(f"ENTRYPOINT {after('ENTRYPOINT')[0]}")
