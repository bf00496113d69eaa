"""Where a job reads and writes: SageMaker's folders when it runs there, the ones it is told of on a laptop.

SageMaker names them in environment variables: `SM_CHANNEL_<NAME>` for each input, `SM_MODEL_DIR` for what the job
makes, `SM_OUTPUT_DATA_DIR` for reports about it.
"""

import os
import shutil
import tarfile
import tempfile
import zlib
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
    return _unpacked(folder)


def optional_channel(name: str, default: Path | None = None) -> Path | None:
    """The folder of an input that a job can do without; None where none is named, or it holds nothing.

    SageMaker needs a prefix that exists for every channel, so one with nothing but a `.none` in it counts as absent.
    """
    if default is None and not os.environ.get(f"SM_CHANNEL_{name.upper()}"):
        return None
    folder = channel(name, default)
    return folder if any(path.name != ".none" for path in folder.iterdir()) else None


def checkpoint_folder(default: Path | None = None) -> Path | None:
    """Where a job keeps what it needs to go on after an interruption; None where nothing is kept.

    SageMaker keeps its own such folder in step with S3 while a job runs, and names it in no variable by itself: the
    pipeline sets `SM_CHECKPOINT_DIR`.
    """
    given = os.environ.get("SM_CHECKPOINT_DIR")
    folder = Path(given) if given else default
    return None if folder is None else _made(folder)


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


def _unpacked(folder: Path) -> Path:
    """What lies in the `model.tar.gz` that SageMaker makes of a job's result; the folder itself without one."""
    packed = folder / "model.tar.gz"
    if not packed.is_file():
        return folder
    unpacked = Path(tempfile.gettempdir()) / f"vitrine-{zlib.crc32(str(packed.resolve()).encode()):08x}"
    done = unpacked / ".unpacked"
    stamp = str(packed.stat().st_mtime_ns)
    if not done.is_file() or done.read_text() != stamp:
        shutil.rmtree(unpacked, ignore_errors=True)
        unpacked.mkdir()
        try:
            with tarfile.open(packed) as archive:
                archive.extractall(unpacked, filter="data")
        except (tarfile.TarError, EOFError, zlib.error) as error:
            raise VitrineError(f"{packed} cannot be unpacked: {error}") from error
        done.write_text(stamp)
    return unpacked


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
