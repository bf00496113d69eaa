"""Opening a release: everything is checked before it serves one search."""

from dataclasses import dataclass
from pathlib import Path

from relevance.contracts.manifest import ReleaseManifest
from relevance.encoder import REMEMBERED, TextEncoder
from relevance.errors import ReleaseRefused
from relevance.frequent_queries import FrequentQueries
from relevance.index.local import LocalIndex
from relevance.index.port import ProductIndex
from relevance.onnx_scorer import OnnxScorer
from relevance.ranking import Scorer
from relevance.release_files import check_files, read_manifest
from relevance.topics import BASELINE, TOPICS, Topics


@dataclass(frozen=True)
class Release:
    """One open release: an index, and the models and the vectors of frequent queries where it has them."""

    manifest: ReleaseManifest
    index: ProductIndex
    encoder: TextEncoder | None
    scorer: Scorer | None
    frequent_queries: FrequentQueries | None = None
    topics: Topics | None = None
    """What the traffic that it was made for was about; None where it has no baseline."""

    @property
    def release_id(self) -> str:
        """Its folder's name, on every answer that it gives."""
        return self.manifest.release_id

    @property
    def space(self) -> str | None:
        """The id of the encoder that queries' vectors must agree with; None for a release without vectors."""
        if self.encoder is None:
            return None
        return self.manifest.space or self.encoder.manifest.own_space


def open_release(folder: Path, *, remembered: int = REMEMBERED) -> Release:
    """Check every file and the feature names, then open.

    Args:
        folder: Named as the release.
        remembered: How many queries are not encoded again when they are asked again; 0 for none.

    Raises:
        FileDamaged: If a file is missing, has another size or another sha256 than the manifest says.
        FeatureMismatch: If the ranker was trained on other features than this code computes.
        ReleaseRefused: If anything else does not fit together; the message names both sides.
    """
    manifest = read_manifest(folder)
    check_files(folder, manifest)
    encoder = TextEncoder.load(folder / "encoder", remembered=remembered) if manifest.encoder_id else None
    scorer = OnnxScorer.load(folder / "ranker") if manifest.ranker_id else None
    topics = Topics.open(folder / BASELINE) if f"{BASELINE}/{TOPICS}" in manifest.files else None
    index = LocalIndex(folder)
    frequent = FrequentQueries.open(folder / "index")
    for what, promised, found in (
        ("encoder", manifest.encoder_id, encoder and encoder.encoder_id),
        ("space", manifest.space, encoder and manifest.space and encoder.manifest.own_space),
        ("encoder dimension", manifest.dimension, encoder and encoder.dimension),
        ("vector dimension", manifest.dimension, index.dimension),
        ("topics' dimension", topics and manifest.dimension, topics and topics.dimension),
        ("ranker", manifest.ranker_id, scorer and scorer.ranker_id),
        ("number of products", manifest.products, len(index)),
        ("number of frequent queries", manifest.frequent_queries, 0 if frequent is None else len(frequent)),
        ("space of frequent queries", frequent and manifest.space, frequent and frequent.about.space),
        ("dimension of frequent queries", frequent and manifest.dimension, frequent and frequent.about.dimension),
    ):
        if promised != found:
            raise ReleaseRefused(f"release {manifest.release_id}: manifest says {what} {promised}, its files {found}")
    return Release(manifest, index, encoder, scorer, frequent, topics)
