"""A release in another folder, with what was found out about it."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from relevance.contracts.training import Verdict
from relevance.errors import VitrineError
from relevance.release_files import MANIFEST, file_entry, read_manifest


def release_in(folder: Path) -> Path:
    """The release that a folder is, or holds.

    Raises:
        VitrineError: If it holds none, or several.
    """
    if (folder / MANIFEST).is_file():
        return folder
    found = sorted(path.parent for path in folder.glob(f"[!.]*/{MANIFEST}"))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise VitrineError(f"{folder}: expected one release in it, found {names}")
    return found[0]


def copied(
    release: Path, output: Path, *, verdict: Verdict | None = None, adding: Callable[[Path], None] | None = None
) -> Path:
    """The same release below `output`; both share their files where they can.

    Args:
        release: Its folder.
        output: Where the copy goes, under its id; one that is there is replaced.
        verdict: Of the gate, for its manifest; None to leave what stands there.
        adding: Writes further files into the folder given; one that is there already must be removed first, since
            writing into it would change the original.
    """
    manifest = read_manifest(release)
    target, unfinished = output / manifest.release_id, output / f".{manifest.release_id}.part"
    shutil.rmtree(unfinished, ignore_errors=True)
    for name in manifest.files:
        (unfinished / name).parent.mkdir(parents=True, exist_ok=True)
        _share(release / name, unfinished / name)
    if adding is not None:
        adding(unfinished)
        written = [path for path in sorted(unfinished.rglob("*")) if path.is_file()]
        files = {path.relative_to(unfinished).as_posix(): file_entry(path) for path in written}
        manifest = manifest.model_copy(update={"files": files})
    if verdict is not None:
        manifest = manifest.model_copy(update={"verdict": verdict})
    (unfinished / MANIFEST).write_text(manifest.model_dump_json(indent=1) + "\n")
    shutil.rmtree(target, ignore_errors=True)
    unfinished.rename(target)
    return target


def _share(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or one that knows no links
        shutil.copy2(source, target)
