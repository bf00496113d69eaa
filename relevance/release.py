"""Opening a release: everything is checked before it serves one search."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from relevance.contracts.manifest import ReleaseManifest
from relevance.contracts.models import FileEntry
from relevance.encoder import TextEncoder
from relevance.errors import FileDamaged, ReleaseRefused
from relevance.index.local import LocalIndex
from relevance.index.port import ProductIndex
from relevance.onnx_scorer import OnnxScorer
from relevance.ranking import Scorer

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Release:
    """One open release: an index, and the two models where it has them."""

    manifest: ReleaseManifest
    index: ProductIndex
    encoder: TextEncoder | None
    scorer: Scorer | None

    @property
    def release_id(self) -> str:
        """Its folder's name, on every answer that it gives."""
        return self.manifest.release_id


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


def open_release(folder: Path) -> Release:
    """Check every file and the feature names, then open.

    Raises:
        FileDamaged: If a file is missing, has another size or another sha256 than the manifest says.
        FeatureMismatch: If the ranker was trained on other features than this code computes.
        ReleaseRefused: If anything else does not fit together; the message names both sides.
    """
    manifest = read_manifest(folder)
    check_files(folder, manifest)
    encoder = TextEncoder.load(folder / "encoder") if manifest.encoder_id else None
    scorer = OnnxScorer.load(folder / "ranker") if manifest.ranker_id else None
    index = LocalIndex(folder)
    for what, promised, found in (
        ("encoder", manifest.encoder_id, encoder and encoder.encoder_id),
        ("encoder dimension", manifest.dimension, encoder and encoder.dimension),
        ("vector dimension", manifest.dimension, index.dimension),
        ("ranker", manifest.ranker_id, scorer and scorer.ranker_id),
        ("number of products", manifest.products, len(index)),
    ):
        if promised != found:
            raise ReleaseRefused(f"release {manifest.release_id}: manifest says {what} {promised}, its files {found}")
    return Release(manifest, index, encoder, scorer)
