"""Vectors of texts that an encoder met before: between two releases most of a catalogue stays as it was."""

import hashlib
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from relevance.arrays import Matrix

_DIGEST_BYTES = 16


def encode_unknown(texts: Sequence[str], file: Path, encode: Callable[[list[str]], Matrix]) -> Matrix:
    """Shape (len(texts), d): the vector of each text; those that the file holds are not computed again.

    Args:
        texts: At least one.
        file: Of one encoder alone. Holds the vectors of these texts afterwards; those of texts that are gone leave it
            with the next that is new. One that cannot be read is replaced.
        encode: Texts in, shape (n, d) out; called once at most.
    """
    digests = [hashlib.sha256(text.encode()).digest()[:_DIGEST_BYTES] for text in texts]
    row_of, vectors = _read(file)
    text_of = {digest: text for digest, text in zip(digests, texts, strict=True) if digest not in row_of}
    if text_of:
        encoded = encode(list(text_of.values()))
        vectors = np.concatenate((vectors, encoded)) if row_of else encoded
        row_of |= {digest: row for row, digest in enumerate(text_of, start=len(vectors) - len(encoded))}
    vectors = vectors[[row_of[digest] for digest in digests]]
    if text_of:
        _write(file, digests, vectors)
    return vectors


def _read(file: Path) -> tuple[dict[bytes, int], Matrix]:
    """The row of each digest, and the vectors."""
    try:
        with file.open("rb") as content, np.load(content) as held:
            digests, vectors = held["digests"], held["vectors"]
        row_of = {digest.tobytes(): row for row, (digest, _) in enumerate(zip(digests, vectors, strict=True))}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return {}, np.empty((0, 0), dtype=np.float32)
    return row_of, vectors


def _write(file: Path, digests: Sequence[bytes], vectors: Matrix) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{file.name}.part.npz")
    rows = np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(-1, _DIGEST_BYTES)
    np.savez(beside, digests=rows, vectors=vectors)
    beside.replace(file)
