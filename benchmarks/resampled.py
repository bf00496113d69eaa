"""A catalogue of any size, resampled from a real one: for load only, its relevance means nothing.

The first products are the real ones as they are; each further one is a copy of a random one with words dropped and
swapped, numbers changed and attributes lost. New words appear as often as Heaps' law, fitted to the Icecat catalogue,
says of a catalogue of that size. No text is encoded: a copy's vector is the original's, turned by a random angle.
"""

import argparse
import json
import random
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from relevance.arrays import Matrix, Rows
from relevance.contracts.models import EncoderManifest
from relevance.contracts.products import Product
from relevance.encoder import TextEncoder
from relevance.product_text import PRODUCT_TOKENS, embedding_text
from relevance.release_files import MANIFEST
from sagemaker_jobs.build_release import ARTEFACTS
from sagemaker_jobs.known_vectors import encode_unknown

SEED = 20261122
DROPPED, SWAPPED, ATTRIBUTE_LOST, NUMBER_CHANGED = 0.1, 0.1, 0.1, 0.2
"""Of each word, and of each attribute: probabilities, in [0, 1]."""
COSINES = (0.8, 0.95)
"""Between a copy's vector and the original's: evenly spread between these."""
# Distinct words of k products: scale * k ** power; of 1,000 to 19,406 products of Icecat in random order.
_NUMBER_WORDS = (93.0, 0.589)
_OTHER_WORDS = (372.0, 0.321)

_DIGIT = re.compile(r"\d")
_CHUNK = 10_000

Record = Mapping[str, Any]


def resampled_records(records: Sequence[Record], sources: Rows) -> Iterator[dict[str, Any]]:
    """Yield the catalogue: each product of `records`, then perturbed copies of those that `sources` names.

    Args:
        records: At least two products, as a catalogue's lines state them.
        sources: Shape (n,): which of them each product is made of, the first len(records) of them in order.
    """
    yield from (dict(record) for record in records)
    for place in range(len(records), len(sources)):
        yield _copy(records, int(sources[place]), place, random.Random(SEED + place))


def sources(products: int, records: int) -> Rows:
    """Shape (products,): every one of `records` products, then as many random ones as are wanted."""
    drawn = np.random.default_rng(SEED).integers(records, size=max(products - records, 0))
    return np.concatenate((np.arange(records), drawn))[:products]


def turned(vectors: Matrix, rows: Rows) -> Matrix:
    """Shape (len(rows), d): vectors of unit length, each turned away from the original by a random angle."""
    made = np.empty((len(rows), vectors.shape[1]), dtype=np.float32)
    for start in range(0, len(rows), _CHUNK):
        originals = vectors[rows[start : start + _CHUNK]]
        rng = np.random.default_rng((SEED, start))
        noise = rng.standard_normal(originals.shape, dtype=np.float32)
        noise /= np.linalg.norm(noise, axis=1, keepdims=True)
        cosines = rng.uniform(*COSINES, size=(len(originals), 1)).astype(np.float32)
        mixed = originals + noise * np.sqrt(1 / cosines**2 - 1)
        made[start : start + _CHUNK] = mixed / np.linalg.norm(mixed, axis=1, keepdims=True)
    return made


def write_resampled(
    records: Sequence[Record], vectors: Matrix, products: int, catalogue: Path, known_vectors: Path
) -> None:
    """Write what `sagemaker_jobs.build_release` reads: a catalogue's folder, and the vectors of its texts.

    Args:
        records: The real products, as the lines of a catalogue.
        vectors: Shape (len(records), d), of unit length.
        products: How many are wanted.
        catalogue: An existing folder.
        known_vectors: The file that `encode_unknown` keeps for the encoder.
    """
    of = sources(products, len(records))
    texts = []
    with (catalogue / "products.jsonl").open("wb") as file:
        for record in resampled_records(records[:products], of):
            line = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()
            texts.append(embedding_text(_product(record)))
            file.write(line + b"\n")
    source = f"resampled from {len(records):,} real products with perturbed text, for load only"
    (catalogue / "report.json").write_text(json.dumps({"source": source}))
    row_of = {text: row for row, text in reversed(list(enumerate(texts)))}

    def vectors_of(wanted: list[str]) -> Matrix:
        rows = np.array([row_of[text] for text in wanted])
        found = turned(vectors, of[rows])
        real = rows < len(records)
        found[real] = vectors[rows[real]]
        return found

    encode_unknown(texts, known_vectors, vectors_of)


def _product(record: Record) -> Product:
    return Product.model_validate(record)


def _copy(records: Sequence[Record], source: int, place: int, rng: random.Random) -> dict[str, Any]:
    made = dict(records[source])
    other = records[rng.randrange(len(records))]
    made["objectID"] = f"load-{place}"
    words = _perturbed(made["title"], other["title"], rng)
    for (scale, power), numbers in ((_NUMBER_WORDS, True), (_OTHER_WORDS, False)):
        if rng.random() < scale * power * place ** (power - 1):
            _invent(words, numbers, rng)
    made["title"] = " ".join(words)
    if made.get("description"):
        made["description"] = " ".join(_perturbed(made["description"], other.get("description") or "", rng))
    if made.get("price") is not None:
        made["price"] = round(made["price"] * rng.lognormvariate(0, 0.3), 2)
    made["attributes"] = {
        name: _changed(value, other.get("attributes", {}).get(name), rng)
        for name, value in made.get("attributes", {}).items()
        if rng.random() >= ATTRIBUTE_LOST
    }
    return made


def _perturbed(text: str, other: str, rng: random.Random) -> list[str]:
    """The words of a text without some, and with some of another text in their places; at least one."""
    words = text.split()
    others = other.split()
    kept = []
    for word in words:
        luck = rng.random()
        if luck < DROPPED:
            continue
        kept.append(rng.choice(others) if luck < DROPPED + SWAPPED and others else word)
    return kept or words[:1]


def _invent(words: list[str], numbers: bool, rng: random.Random) -> None:
    """Make the longest word with (or without) a digit one that no product holds yet, and that completes no other."""
    fitting = [place for place, word in enumerate(words) if bool(_DIGIT.search(word)) == numbers]
    if not fitting:
        return
    place = max(fitting, key=lambda at: len(words[at]))
    if numbers:
        changed = _DIGIT.sub(lambda _: str(rng.randrange(10)), words[place])
        words[place] = rng.choice("bcdfghjkmnpqrstvwxz") + rng.choice("bcdfghjkmnpqrstvwxz") + changed
    else:
        words[place] = "".join(rng.choice("aeioubdfklmnprst") for _ in range(4)) + words[place][3:]


def _changed(value: object, other: object, rng: random.Random) -> object:
    luck = rng.random()
    if isinstance(value, float) and luck < NUMBER_CHANGED:
        return float(f"{value * rng.choice((0.5, 0.8, 1.25, 2)):.3g}")
    if isinstance(value, str) and isinstance(other, str) and luck < SWAPPED:
        return other
    return value


def main(arguments: Sequence[str] | None = None) -> int:
    """Read a prepared catalogue, write a resampled one; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--catalogue", type=Path, required=True, metavar="DIR", help="the real one, prepared")
    parser.add_argument("--known", type=Path, required=True, metavar="DIR", help="keeps the real products' vectors")
    parser.add_argument("--products", type=int, required=True, help="how many are wanted")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="for catalogue/ and known/")
    given = parser.parse_args(arguments)
    with (given.catalogue / "products.jsonl").open("rb") as file:
        records: list[Record] = [json.loads(line) for line in file]
    encoder = EncoderManifest.model_validate_json((ARTEFACTS / "encoder" / MANIFEST).read_bytes())
    known = f"{encoder.encoder_id}.npz"

    def encode(texts: list[str]) -> Matrix:
        return TextEncoder.load(ARTEFACTS / "encoder", threads=2).encode_batch(texts, max_tokens=PRODUCT_TOKENS)

    vectors = encode_unknown([embedding_text(_product(record)) for record in records], given.known / known, encode)
    for folder in (given.output / "catalogue", given.output / "known"):
        folder.mkdir(parents=True, exist_ok=True)
    write_resampled(records, vectors, given.products, given.output / "catalogue", given.output / "known" / known)
    return 0


if __name__ == "__main__":
    sys.exit(main())
