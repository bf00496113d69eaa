"""Where a job reads and writes: SageMaker's folders when it runs there, the ones it is told of on a laptop.

SageMaker names them in environment variables: `SM_CHANNEL_<NAME>` for each input, `SM_MODEL_DIR` for what the job
makes, `SM_OUTPUT_DATA_DIR` for reports about it.
"""

import os
from pathlib import Path

from relevance.errors import VitrineError

PROJECT = Path(__file__).parents[1]


class FolderMissing(VitrineError):
    """A job was started without an input that it needs, or the folder named for it does not exist."""


def channel(name: str, default: Path | None = None) -> Path:
    """The folder of one input.

    Raises:
        FolderMissing: If neither the environment nor `default` names a folder that exists.
    """
    variable = f"SM_CHANNEL_{name.upper()}"
    folder = _named(variable, default, f"input {name!r}")
    if not folder.is_dir():
        raise FolderMissing(f"input {name!r}: {folder} is no folder ({variable})")
    return folder


def model_folder(default: Path | None = None) -> Path:
    """The folder for what the job makes; it is created."""
    return _made(_named("SM_MODEL_DIR", default, "the job's result"))


def output_folder(default: Path | None = None) -> Path:
    """The folder for reports and other data beside the result; it is created."""
    return _made(_named("SM_OUTPUT_DATA_DIR", default, "the job's reports"))


def data_folder() -> Path:
    """Where the data sets lie that are no part of the project, there or not.

    `SM_CHANNEL_DATA` in a job, else `VITRINE_DATA`, else `shared/data` beside the project.
    """
    given = os.environ.get("SM_CHANNEL_DATA") or os.environ.get("VITRINE_DATA")
    return Path(given) if given else PROJECT.parent / "shared" / "data"


def _named(variable: str, default: Path | None, purpose: str) -> Path:
    given = os.environ.get(variable)
    if given:
        return Path(given)
    if default is None:
        raise FolderMissing(f"no folder for {purpose}: set {variable}")
    return default


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
