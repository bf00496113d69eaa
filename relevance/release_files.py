"""The folder of a release as it lies there: its manifest, and whether every file is what that says."""

import hashlib
from pathlib import Path

from pydantic import ValidationError

from relevance.contracts.manifest import ReleaseManifest
from relevance.contracts.models import FileEntry
from relevance.errors import FileDamaged, ReleaseRefused

MANIFEST = "manifest.json"


def file_entry(path: Path) -> FileEntry:
    """Size and sha256 of a file as it lies there."""
    with path.open("rb") as file:
        return FileEntry(sha256=hashlib.file_digest(file, "sha256").hexdigest(), size_bytes=path.stat().st_size)


def read_manifest(folder: Path) -> ReleaseManifest:
    """The manifest of a release's folder; raises ReleaseRefused if there is none that this code understands."""
    try:
        return ReleaseManifest.model_validate_json((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        raise ReleaseRefused(f"release {folder.name}: it has no {MANIFEST}") from None
    except ValidationError as error:
        raise ReleaseRefused(f"release {folder.name}: its {MANIFEST} is not understood: {error}") from error


def check_files(folder: Path, manifest: ReleaseManifest) -> None:
    """Raise FileDamaged, naming the file and both sides, unless every file is what the manifest says."""
    for name, promised in manifest.files.items():
        path = folder / name
        where = f"release {manifest.release_id}: {name}"
        if not path.is_file():
            raise FileDamaged(f"{where} is missing; the manifest promises {promised.size_bytes} bytes")
        size_bytes = path.stat().st_size
        if size_bytes != promised.size_bytes:
            raise FileDamaged(f"{where} has {size_bytes} bytes; the manifest promises {promised.size_bytes}")
        sha256 = file_entry(path).sha256
        if sha256 != promised.sha256:
            raise FileDamaged(f"{where} has sha256 {sha256}; the manifest promises {promised.sha256}")
