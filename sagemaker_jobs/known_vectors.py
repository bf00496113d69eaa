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
    known = _read(file)
    unknown = list(dict.fromkeys(digest for digest in digests if digest not in known))
    if unknown:
        text_of = dict(zip(digests, texts, strict=True))
        known |= dict(zip(unknown, encode([text_of[digest] for digest in unknown]), strict=True))
    vectors = np.stack([known[digest] for digest in digests])
    if unknown:
        _write(file, digests, vectors)
    return vectors


def _read(file: Path) -> dict[bytes, Matrix]:
    try:
        with file.open("rb") as content, np.load(content) as held:
            digests, vectors = held["digests"], held["vectors"]
        return {digest.tobytes(): vector for digest, vector in zip(digests, vectors, strict=True)}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return {}


def _write(file: Path, digests: Sequence[bytes], vectors: Matrix) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{file.name}.part.npz")
    rows = np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(-1, _DIGEST_BYTES)
    np.savez(beside, digests=rows, vectors=vectors)
    beside.replace(file)
