"""Make the encoder that a function runs out of a student: smaller, faster, and as near to the large encoder as before.

    python -m sagemaker_jobs.compress --dataset <prepare's> --encoder <train_encoder's> --student <distil's>
        --vectors <embed's> --output DIR

Several ways to compress are tried, each is measured, and the smallest that keeps LEAST_KEPT of the student's agreement
with the large encoder is taken. They are eight bits after training, with and without activations smoothed first; eight
bits that the network has learnt to bear; and the same with neurons, heads or layers taken out.

Writes `model.onnx`, `vocab.txt`, `steps.json` with every step's size, time and quality, and at last `manifest.json`.
Ends with 0, or with 1 and the cause.
"""

import argparse
import copy
import importlib.metadata
import json
import platform
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.pruning import Texts, layers_of, prune_heads, prune_layers, prune_neurons
from models.quantisation import prepare, simulate
from models.recovery import Recovery, recover
from models.smoothing import smooth
from models.text_encoder import TextEncoder
from relevance.arrays import Matrix
from relevance.contracts.models import EncoderManifest, EncoderParity, Lineage
from relevance.encoder import QUERY_TOKENS
from relevance.errors import VitrineError
from relevance.onnx_session import open_session
from relevance.product_text import PRODUCT_TOKENS, embedding_text
from relevance.release_files import file_entry
from relevance.wordpiece import WordPiece
from sagemaker_jobs.dataset import Dataset
from sagemaker_jobs.distil import DEPTH, HELD_OUT, top_overlap
from sagemaker_jobs.folders import channel, model_folder
from sagemaker_jobs.job import git_commit, measured, replace_file, run, say
from sagemaker_jobs.onnx_encoder import (
    WITH_TABLES,
    WITHOUT_TABLES,
    export_fp32,
    fuse,
    longest,
    median_ms,
    quantise,
    vectors_of,
)
from sagemaker_jobs.processes import use_threads
from sagemaker_jobs.product_vectors import ProductVectors
from sagemaker_jobs.unlabelled_queries import unlabelled_queries

LEAST_KEPT = 0.95
"""In [0, 1]: the share of the student's own top-10 overlap with the large encoder that a compressed one must keep."""
AS_LARGE = 1.02
"""Files that differ in size by no more than this count as equally large; the nearer to the large encoder is taken."""
TIMED_TOKENS = 16
TIMED_TEXTS = 40
TIMED_ROUNDS = 3
CALIBRATION_TEXTS = 512
PRODUCT_SHARE = 0.2
"""In [0, 1]: how many products are learnt for each query, so that a product that comes later can be encoded too."""
HELD_OUT_PRODUCTS = 200
STEPS = "steps.json"


@dataclass(frozen=True)
class Way:
    """One way to compress: what is taken out, then how the rest is kept."""

    name: str
    layers: float = 1.0
    """In (0, 1]: the share that stays, as of heads and neurons."""
    heads: float = 1.0
    neurons: float = 1.0
    eight_bits: bool = True
    smoothed: bool = True
    rows: bool = True
    """Tables of embeddings have one scale for each row, not one for the table."""
    learnt: bool = False
    """What is left has learnt to give the large encoder's vectors, in eight bits where it is kept so."""

    @property
    def prunes(self) -> bool:
        """Whether something is taken out."""
        return min(self.layers, self.heads, self.neurons) < 1


UNCOMPRESSED = Way("fp32", eight_bits=False)
WAYS: tuple[Way, ...] = (
    UNCOMPRESSED,
    Way("int8", smoothed=False, rows=False),
    Way("int8, smoothed"),
    Way("int8, learnt", learnt=True),
    Way("3/4 of neurons, int8, learnt", neurons=0.75, learnt=True),
    Way("3/4 of heads, int8, learnt", heads=0.75, learnt=True),
    Way("5/6 of layers, int8, learnt", layers=5 / 6, learnt=True),
)
"""In the order in which they are tried."""


@dataclass(frozen=True)
class Tried:
    """One line of `steps.json`."""

    name: str
    megabytes: float
    """Of `model.onnx`, in millions of bytes."""
    p50_ms: float
    """Of a text of TIMED_TOKENS tokens on one thread, all ways side by side."""
    overlap10: float
    """In [0, 1]: of the ten products nearest to a query, by this encoder's vector and by the large one's, among the
    large encoder's vectors of the products."""
    cosine: float
    """The mean between both vectors of a query."""
    product_cosine: float
    """The same of products that were not learnt from."""
    chosen: bool


@dataclass(frozen=True)
class Compression:
    """How compressed encoders learn."""

    queries: int = 20_000
    """To learn from, at most: words out of the catalogue."""
    steps: int = 300
    """Of learning, for each way that learns; 0: such ways are left out."""
    learning_rate: float = 2e-5
    """The highest, where nothing was taken out: eight bits are a small step, and a higher one leads away."""
    pruned_learning_rate: float = 1e-4
    """The same where something was: what is left has further to go."""
    seed: int = 1
    threads: int = 0
    """0: one for each core of the machine."""


@dataclass(frozen=True)
class Material:
    """Texts, as token numbers, and what the large encoder makes of them."""

    learning: list[list[int]]
    """Queries, and after them products."""
    learning_wanted: Matrix
    """Shape (l, d)."""
    held_out: list[list[int]]
    """Queries to measure on."""
    wanted: Matrix
    """Shape (q, d)."""
    held_out_products: list[list[int]]
    wanted_products: Matrix
    """Shape (p, d)."""
    products: Matrix
    """Shape (n, d): all of them."""
    timed: list[list[int]]

    def calibration(self) -> Texts:
        """Texts to learn from, queries and products, each alone."""
        some = self.learning[:: max(1, len(self.learning) // CALIBRATION_TEXTS)]
        return [(torch.tensor([numbers]), torch.ones(1, len(numbers), dtype=torch.long)) for numbers in some]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job; returns the exit status."""
    return run("compress", _job, arguments)


def _job(arguments: Sequence[str] | None) -> None:
    given = _parser().parse_args(arguments)
    manifest = compress(
        Dataset(given.dataset or channel("dataset")),
        given.encoder or channel("encoder"),
        given.student or channel("student"),
        given.vectors or channel("vectors"),
        given.output or model_folder(),
        Compression(**{field.name: getattr(given, field.name) for field in fields(Compression)}),
    )
    say(f"{manifest.encoder_id}: {manifest.parity.model_dump_json()}")


def compress(
    dataset: Dataset, encoder: Path, student: Path, vectors: Path, output: Path, compression: Compression
) -> EncoderManifest:
    """Try all ways, and write the one that is taken to `output`, which is not touched before.

    Args:
        dataset: Queries are drawn from its products; those of its split train are not measured on.
        encoder: The large encoder's folder.
        student: What `distil` wrote.
        vectors: What `embed` wrote of these products with the large encoder.
        output: Created if it is not there.
        compression: How compressed encoders learn.

    Raises:
        VitrineError: If the student cannot be served, has another space, or weights that are no numbers; if the vectors
            are another encoder's or of other products; if there are too few products; if the loss is no number any
            more.
    """
    torch.manual_seed(compression.seed)
    use_threads(compression.threads)
    large, small = TextEncoder.load(encoder), TextEncoder.load(student)
    wordpiece = servable(small, large)
    material = read_material(dataset, large, wordpiece, ProductVectors.read(vectors), compression)
    ways = [way for way in WAYS if compression.steps or not way.learnt]
    with tempfile.TemporaryDirectory() as scratch:
        files = make(small, ways, material, compression, Path(scratch))
        tried, cosine_min = measure(files, wordpiece, material)
        taken = next(way for way in tried if way.chosen)
        manifest = _write(
            output,
            files[taken.name],
            small,
            tried,
            EncoderParity(
                reference=f"{large.encoder_id}, float32, torch {torch.__version__}",
                data=f"{len(material.held_out):,} queries of words out of {len(material.products):,} products, whose "
                "vectors are the large encoder's",
                texts=len(material.held_out),
                cosine_mean=taken.cosine,
                cosine_min=cosine_min,
                queries=len(material.held_out),
                top10_overlap=taken.overlap10,
            ),
            Lineage(
                data_sha256=dataset.report["sha256"],
                git_commit=git_commit(),
                parameters={**asdict(compression), "way": taken.name, "student": small.encoder_id},
                seed=compression.seed,
                parent=small.encoder_id,
            ),
        )
    measured("compress:overlap10", taken.overlap10)
    measured("compress:megabytes", taken.megabytes)
    measured("compress:milliseconds", taken.p50_ms)
    return manifest


def servable(student: TextEncoder, large: TextEncoder) -> WordPiece:
    """The student's vocabulary.

    Raises:
        VitrineError: If a function could not serve the student in the large encoder's space.
    """
    if not isinstance(student.tokeniser, WordPiece):
        raise VitrineError(f"{student.encoder_id} has a tokeniser of its own: functions can only serve WordPiece")
    if student.space != large.space or student.dimension != large.dimension:
        raise VitrineError(
            f"the student {student.encoder_id} gives {student.dimension} numbers in the space of {student.space}, the "
            f"large encoder {large.encoder_id} {large.dimension} in that of {large.space}: distil it from that one"
        )
    prefix = student.query_prefix or student.product_prefix
    if prefix:
        raise VitrineError(f"{student.encoder_id} wants {prefix!r} before a text: functions write nothing before it")
    for model in (student, large):
        broken = [name for name, weights in model.named_parameters() if not torch.isfinite(weights).all()]
        if broken:
            raise VitrineError(f"{model.encoder_id}: {broken[0]} holds weights that are no numbers")
    return student.tokeniser


def read_material(
    dataset: Dataset, large: TextEncoder, wordpiece: WordPiece, made: ProductVectors, compression: Compression
) -> Material:
    """Texts to learn from and others to measure on, with the large encoder's vectors of both.

    Raises:
        VitrineError: If the vectors are not the large encoder's of these products, or there are too few products.
    """
    products = dataset.products
    if len(products) <= DEPTH:
        raise VitrineError(
            f"{dataset.folder} has {len(products)} products: expected more than the {DEPTH} nearest that are compared"
        )
    if made.manifest.space != large.space or len(made.vectors) != len(products):
        raise VitrineError(
            f"the vectors are {len(made.vectors):,} in the space of {made.manifest.space}, expected {len(products):,} "
            f"in that of {large.space}"
        )
    asked = {query.text for query in dataset.queries_of("train")}
    queries = unlabelled_queries(products, compression.queries, seed=compression.seed, without=asked)
    held_out = unlabelled_queries(products, HELD_OUT, seed=compression.seed + 1, without={*asked, *queries})
    if not held_out:
        raise VitrineError(
            f"{len(products):,} products gave {len(queries):,} different queries and none beside them to measure on: "
            "expected a larger catalogue, or a smaller --queries"
        )
    say(f"the large encoder reads {len(queries):,} queries to learn from, and {len(held_out):,} to measure on")
    vectors = large.encode([*queries, *held_out], max_tokens=QUERY_TOKENS, prefix=large.query_prefix, exact=True)
    drawn = np.random.default_rng(compression.seed).permutation(len(products))
    measured_on, rest = np.split(drawn, [min(HELD_OUT_PRODUCTS, len(drawn) // 2)])
    learnt = rest[: round(PRODUCT_SHARE * len(queries))]

    def read(rows: NDArray[np.int64], max_tokens: int) -> list[list[int]]:
        return [wordpiece.encode(embedding_text(products[row]), max_tokens=max_tokens) for row in rows]

    return Material(
        learning=[
            *(wordpiece.encode(text, max_tokens=QUERY_TOKENS) for text in queries),
            *read(learnt, PRODUCT_TOKENS),
        ],
        learning_wanted=np.concatenate((vectors[: len(queries)], made.vectors[learnt])),
        held_out=[wordpiece.encode(text, max_tokens=QUERY_TOKENS) for text in held_out],
        wanted=vectors[len(queries) :],
        held_out_products=read(measured_on, PRODUCT_TOKENS),
        wanted_products=made.vectors[measured_on],
        products=made.vectors,
        timed=read(drawn[:TIMED_TEXTS], TIMED_TOKENS),
    )


def make(
    student: TextEncoder, ways: Sequence[Way], material: Material, compression: Compression, folder: Path
) -> dict[str, Path]:
    """The file of each way, by name; in the order of the ways."""
    files = {}
    for number, way in enumerate(ways):
        say(f"{way.name}: {number + 1} of {len(ways)}")
        files[way.name] = folder / f"{number}.onnx"
        write(compressed(student, way, material, compression), way, files[way.name])
    return files


def compressed(student: TextEncoder, way: Way, material: Material, compression: Compression) -> TextEncoder:
    """A copy of the student with what the way takes out gone, and the rest taught where the way says so; in single
    precision still."""
    model = copy.deepcopy(student)
    texts = material.calibration()
    if way.layers < 1:
        prune_layers(model, texts, keep=_share(way.layers, len(layers_of(model))))
    if way.heads < 1:
        prune_heads(model, texts, keep=_share(way.heads, layers_of(model)[0].attention.self.num_attention_heads))
    if way.neurons < 1:
        prune_neurons(model, texts, keep=_share(way.neurons, layers_of(model)[0].output.dense.in_features))
    if way.eight_bits and way.smoothed:
        smooth(model, texts)
    if way.eight_bits and way.rows:
        prepare(model)
    if way.learnt:
        simulate(model, rounds=way.eight_bits)
        rate = compression.pruned_learning_rate if way.prunes else compression.learning_rate
        recovery = Recovery(steps=compression.steps, learning_rate=rate, seed=compression.seed)
        recover(model, material.learning, material.learning_wanted, recovery, say)
        simulate(model, rounds=False)
    return model


def write(model: TextEncoder, way: Way, path: Path) -> None:
    """The graph, in eight bits where the way says so."""
    plain = path.with_suffix(".fp32.onnx")
    export_fp32(model, plain)
    if way.eight_bits:
        quantise(plain, path, operators=WITHOUT_TABLES if way.rows else WITH_TABLES)
    else:
        fuse(plain, path)
    plain.unlink()


def _share(share: float, of: int) -> int:
    return max(1, round(share * of))


def measure(files: dict[str, Path], wordpiece: WordPiece, material: Material) -> tuple[list[Tried], float]:
    """What each way is worth, with the one that is taken, and that one's least cosine; the first way is the measure of
    the others."""
    sessions = {name: open_session(file, optimised=True) for name, file in files.items()}
    times = median_ms(sessions, wordpiece, material.timed, rounds=TIMED_ROUNDS)
    tried, least = [], {}
    for name, session in sessions.items():
        found = vectors_of(session, wordpiece, material.held_out)
        cosines = np.sum(found * material.wanted, axis=1)
        of_products = vectors_of(session, wordpiece, material.held_out_products)
        least[name] = round(float(cosines.min()), 5)
        tried.append(
            Tried(
                name=name,
                megabytes=round(files[name].stat().st_size / 1e6, 2),
                p50_ms=round(times[name], 3),
                overlap10=round(top_overlap(found, material.wanted, material.products, DEPTH), 4),
                cosine=round(float(cosines.mean()), 5),
                product_cosine=round(float(np.sum(of_products * material.wanted_products, axis=1).mean()), 5),
                chosen=False,
            )
        )
        say(f"{name}: {tried[-1].megabytes} MB, {tried[-1].p50_ms} ms, overlap {tried[-1].overlap10}")
    taken = choose(tried)
    say(f"taken: {taken.name}, the smallest that keeps {LEAST_KEPT:.0%} of {tried[0].name}'s overlap")
    return [Tried(**{**asdict(way), "chosen": way == taken}) for way in tried], least[taken.name]


def choose(tried: Sequence[Tried]) -> Tried:
    """The smallest that keeps LEAST_KEPT of the first one's overlap; of such as are about as small, the nearest to the
    large encoder."""
    good = [way for way in tried if way.overlap10 >= LEAST_KEPT * tried[0].overlap10]
    smallest = min(way.megabytes for way in good)
    return max((way for way in good if way.megabytes <= AS_LARGE * smallest), key=lambda way: way.overlap10)


def _write(
    output: Path,
    model: Path,
    student: TextEncoder,
    tried: Sequence[Tried],
    parity: EncoderParity,
    lineage: Lineage,
) -> EncoderManifest:
    """All files; the manifest comes last and names the others by content."""
    if student.vocabulary is None:
        raise VitrineError(f"{student.encoder_id} has no vocab.txt")
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output, prefix=".part") as unfinished:
        folder = Path(unfinished)
        shutil.copy(model, folder / "model.onnx")
        shutil.copy(student.vocabulary, folder / "vocab.txt")
        files = {name: file_entry(folder / name) for name in ("model.onnx", "vocab.txt")}
        manifest = EncoderManifest(
            encoder_id=f"light-{files['model.onnx'].sha256[:12]}",
            space=student.space,
            dimension=student.dimension,
            max_tokens=longest(student),
            optimised=True,
            files=files,
            derived_from=student.encoder_id,
            licence="that of the student",
            lineage=lineage,
            made_at=datetime.now(UTC).replace(microsecond=0),
            versions={"python": platform.python_version()}
            | {name: importlib.metadata.version(name) for name in ("torch", "transformers", "onnx", "onnxruntime")},
            parity=parity,
        )
        for name in files:
            (folder / name).replace(output / name)
    replace_file(output / STEPS, (json.dumps([asdict(way) for way in tried], indent=1) + "\n").encode())
    replace_file(output / "manifest.json", (manifest.model_dump_json(indent=2) + "\n").encode())
    return manifest


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sagemaker_jobs.compress", description=__doc__)
    for name in ("dataset", "encoder", "student", "vectors"):
        parser.add_argument(f"--{name}", type=Path, metavar="DIR", help=f"default: $SM_CHANNEL_{name.upper()}")
    parser.add_argument("--output", type=Path, metavar="DIR", help="default: $SM_MODEL_DIR")
    for field in fields(Compression):
        default: Any = field.default
        name = "--" + field.name.replace("_", "-")
        parser.add_argument(name, type=type(default), default=default, help=f"default: {default}")
    return parser


if __name__ == "__main__":
    sys.exit(main())
