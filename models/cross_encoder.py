"""A cross-encoder: BERT reads a query and a product together and says how well one answers the other.

It can teach the ranker: it sees what no feature says, and is a thousand times too slow to serve. It is trained, kept in
a folder and asked by jobs; it ships with nothing.
"""

import importlib.metadata
import platform
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor, nn
from transformers import BertConfig, BertForSequenceClassification, BertModel

from models.precision import reduced_precision
from relevance.arrays import Vector
from relevance.contracts.models import FileEntry
from relevance.errors import VitrineError
from relevance.pairs import Pair, pad_pairs, pair_tokens
from relevance.progress import pace
from relevance.release_files import file_entry
from relevance.wordpiece import WordPiece

PAIRS_AT_ONCE = 128
_BATCHES_A_REPORT = 20
_FILES = ("config.json", "model.safetensors", "vocab.txt")
_MANIFEST = "manifest.json"


class CrossEncoderManifest(BaseModel):
    """Beside the weights of a cross-encoder. Unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cross_encoder_id: str = Field(min_length=1)
    files: dict[str, FileEntry]
    trained_on: str
    """The queries and the catalogue, in words."""
    metrics: dict[str, float]
    """On queries that were not trained on; nDCG in [0, 1], the name says which order it is of."""
    seed: int
    derived_from: str
    made_at: datetime
    versions: dict[str, str]


class CrossEncoder(nn.Module):
    """BERT with one output over [CLS] query [SEP] product [SEP]."""

    def __init__(self, network: BertForSequenceClassification, wordpiece: WordPiece, vocabulary: Path) -> None:
        super().__init__()
        self.network = network
        self.wordpiece = wordpiece
        self.vocabulary = vocabulary

    @classmethod
    def from_encoder(cls, folder: Path) -> Self:
        """An untrained output, drawn by torch's seed, on a BERT that can read already.

        Args:
            folder: Holds `config.json`, `model.safetensors` and `vocab.txt`, as `text_encoder.original_folder()` does.

        Raises:
            VitrineError: If it lacks one of them.
        """
        for name in _FILES:  # transformers would look for a folder that is not there on the internet
            if not (folder / name).is_file():
                raise VitrineError(f"encoder in {folder}: {name} is missing")
        network = BertForSequenceClassification(BertConfig.from_pretrained(folder, num_labels=1))
        network.bert = BertModel.from_pretrained(folder)
        return cls(network, WordPiece.load(folder / "vocab.txt"), folder / "vocab.txt").eval()

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What `save` wrote.

        Raises:
            VitrineError: If a file is missing, or is not the one that the manifest speaks of.
        """
        try:
            manifest = CrossEncoderManifest.model_validate_json((folder / _MANIFEST).read_bytes())
            for name, promised in manifest.files.items():
                found = file_entry(folder / name)
                if found != promised:
                    raise VitrineError(f"cross-encoder in {folder}: {name} is {found}, its manifest says {promised}")
        except (OSError, ValidationError) as error:
            raise VitrineError(f"cross-encoder in {folder}: {error}") from error
        network = BertForSequenceClassification.from_pretrained(folder)
        return cls(network, WordPiece.load(folder / "vocab.txt"), folder / "vocab.txt").eval()

    def save(
        self, folder: Path, *, trained_on: str, metrics: Mapping[str, float], seed: int, derived_from: str
    ) -> CrossEncoderManifest:
        """Write the weights, the vocabulary and the manifest into `folder`, which is made if it is not there.

        The manifest comes last and names the other files by content, so that `load` takes no half of a folder.
        """
        unfinished = folder / ".part"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        try:
            self.network.save_pretrained(unfinished)
            shutil.copy(self.vocabulary, unfinished / "vocab.txt")
            files = {name: file_entry(unfinished / name) for name in _FILES}
            manifest = CrossEncoderManifest(
                cross_encoder_id=f"cross-encoder-{files['model.safetensors'].sha256[:12]}",
                files=files,
                trained_on=trained_on,
                metrics=dict(metrics),
                seed=seed,
                derived_from=derived_from,
                made_at=datetime.now(UTC).replace(microsecond=0),
                versions={"python": platform.python_version()}
                | {name: importlib.metadata.version(name) for name in ("torch", "transformers", "numpy")},
            )
            (unfinished / _MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
            for name in (*_FILES, _MANIFEST):
                (unfinished / name).replace(folder / name)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
        return manifest

    def forward(self, token_ids: Tensor, segments: Tensor, mask: Tensor) -> Tensor:
        """Shape (n, t) int64 three times, as `tokenised` gives them; returns (n,) float32, higher is a better answer.

        The logistic function of a score is the relevance that it stands for, in [0, 1].
        """
        output = self.network(input_ids=token_ids, token_type_ids=segments, attention_mask=mask)
        scores: Tensor = output.logits.squeeze(1).float()  # (n, 1) to (n,)
        return scores

    def tokenised(self, pairs: Sequence[Pair]) -> tuple[Tensor, Tensor, Tensor]:
        """Token numbers, segments (0 for the query, 1 for the product) and mask; each of shape (n, t), int64."""
        tokens = [pair_tokens(self.wordpiece, pair) for pair in pairs]
        token_ids, segments, mask = (torch.from_numpy(array) for array in pad_pairs(self.wordpiece, tokens))
        return token_ids, segments, mask

    def score_pairs(self, pairs: Sequence[Pair], progress: Callable[[str], None] | None = None) -> Vector:
        """The score of each pair: shape (n,), higher is a better answer.

        Args:
            pairs: In any order; pairs of like length are read together.
            progress: Told now and then how many are done, how fast, and how long the rest will take.
        """
        was_training = self.training
        self.eval()
        scores = np.empty(len(pairs), dtype=np.float32)
        by_length = sorted(range(len(pairs)), key=lambda at: pair_tokens(self.wordpiece, pairs[at]).length)
        begun = time.monotonic()
        with torch.inference_mode(), reduced_precision():
            for number, begin in enumerate(range(0, len(pairs), PAIRS_AT_ONCE), start=1):
                together = by_length[begin : begin + PAIRS_AT_ONCE]
                scores[together] = self(*self.tokenised([pairs[at] for at in together])).numpy()
                done = begin + len(together)
                if progress and (number % _BATCHES_A_REPORT == 0 or done == len(pairs)):
                    progress(f"scoring pairs: {pace(done, len(pairs), time.monotonic() - begun)}")
        self.train(was_training)
        return scores
