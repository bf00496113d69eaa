"""Text to vectors with an ONNX encoder; the same code for a shopper's query and for a whole catalogue."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Self

import numpy as np
from pydantic import ValidationError

from relevance.arrays import Matrix, Vector
from relevance.contracts.models import EncoderManifest
from relevance.errors import ReleaseRefused
from relevance.onnx_session import Session, open_session, run_session
from relevance.wordpiece import WordPiece

QUERY_TOKENS = 64
"""Where a query is cut off, so that a pasted page costs no more than a long query."""


REMEMBERED = 1024
"""Queries whose vectors are kept: most keystrokes only confirm what the word was taken for."""


class TextEncoder:
    """A vocabulary and a model of one manifest.

    Quantisation is dynamic: each matrix product scales its activations by the largest of the whole batch.
    A text's vector would then depend on its neighbours (measured: cosine .993 on average between a text
    alone and in a batch of 16, as much as 8-bit arithmetic costs altogether). So every text runs alone,
    and a product has the same vector whether a catalogue or one update brought it. Threads run texts, not parts
    of texts: that is as fast as batches.
    """

    def __init__(
        self, session: Session, wordpiece: WordPiece, manifest: EncoderManifest, *, threads: int, remembered: int
    ) -> None:
        self._query_vector = lru_cache(remembered)(self._run)
        self._session = session
        self._wordpiece = wordpiece
        self._threads = threads
        self.manifest = manifest

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1, remembered: int = REMEMBERED) -> Self:
        """Open `model.onnx`, `vocab.txt` and `manifest.json` of a folder.

        Args:
            folder: What `sagemaker_jobs.export_encoder` wrote.
            threads: How many texts of a batch are encoded at once; a single text takes one thread.
            remembered: How many queries are not encoded again when they are asked again; 0 for none.

        Raises:
            ReleaseRefused: If a file is missing or unreadable, or if the model's dimension is not the manifest's.
        """
        try:
            manifest = EncoderManifest.model_validate_json((folder / "manifest.json").read_bytes())
            wordpiece = WordPiece.load(folder / "vocab.txt")
        except (OSError, ValidationError, UnicodeDecodeError, KeyError) as error:
            raise ReleaseRefused(f"encoder in {folder}: {error}") from error
        session = open_session(folder / "model.onnx", optimised=manifest.optimised)
        found = session.get_outputs()[0].shape[-1]
        if found != manifest.dimension:
            raise ReleaseRefused(
                f"encoder {manifest.encoder_id}: model.onnx has {found} dimensions, its manifest {manifest.dimension}"
            )
        return cls(session, wordpiece, manifest, threads=threads, remembered=remembered)

    @property
    def encoder_id(self) -> str:
        """Vectors with other ids live in another space."""
        return self.manifest.encoder_id

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self.manifest.dimension

    def knows(self, word: str) -> bool:
        """Whether a lower-case word is a common one of the language that the encoder was taught."""
        return self._wordpiece.holds(word)

    def encode(self, text: str) -> Vector:
        """The vector of a query: shape (d,), length 1, read only. What follows QUERY_TOKENS tokens is not read.

        Raises:
            ModelFailed: If the model does not answer.
        """
        return self._query_vector(tuple(self._wordpiece.encode(text, max_tokens=QUERY_TOKENS)))

    def encode_batch(self, texts: Sequence[str], *, max_tokens: int) -> Matrix:
        """The vectors of many texts: shape (n, d), rows of length 1, each what the text alone would give.

        Args:
            texts: Products, or anything else to be compared with queries.
            max_tokens: Where each text is cut off; at least 2, at most the manifest's `max_tokens`.
        """
        if not 2 <= max_tokens <= self.manifest.max_tokens:
            raise ValueError(f"max_tokens is {max_tokens}: expected 2 to {self.manifest.max_tokens}")
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        with ThreadPoolExecutor(self._threads) as pool:
            encoded = pool.map(lambda text: self._run(self._wordpiece.encode(text, max_tokens=max_tokens)), texts)
            for row, vector in enumerate(encoded):
                vectors[row] = vector
        return vectors

    def _run(self, tokens: Sequence[int]) -> Vector:
        token_ids, mask = self._wordpiece.pad([tokens])
        vector: Vector = run_session(self._session, {"token_ids": token_ids, "mask": mask})[0]
        vector.flags.writeable = False
        return vector
