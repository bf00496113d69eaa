"""Build a release: a catalogue, its index and the models that search it, checked as one.

Reads `products.jsonl`, with `settings.json` and `synonyms.json` where they are (input `catalogue`, `--catalogue`), and
the models' folders `encoder/` and `ranker/` (input `models`, `--models`; a missing one makes a release without it), and
writes `<output>/<release_id>/`. The release's path is the last line on standard output. A release that was built before
from the same inputs is used again.

Ends with 0; with 3 when some lines of the catalogue were refused and the rest kept; with 1 when there is no release.
"""

import argparse
import hashlib
import json
import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np

from relevance.arrays import Matrix
from relevance.catalogue import Catalogue, read_catalogue
from relevance.contracts.manifest import ReleaseManifest
from relevance.contracts.models import EncoderManifest, Lineage, RankerManifest
from relevance.contracts.products import Product
from relevance.contracts.settings import IndexSettings
from relevance.encoder import TextEncoder
from relevance.errors import CatalogueError, ReleaseRefused, VitrineError
from relevance.frequent_queries import FILES as FREQUENT_QUERIES
from relevance.frequent_queries import FrequentQueries
from relevance.index.local import LocalIndex
from relevance.product_text import PRODUCT_TOKENS, embedding_text
from relevance.progress import pace
from relevance.release import open_release
from relevance.release_files import MANIFEST, check_files, file_entry, read_manifest
from sagemaker_jobs.folders import PROJECT, channel, model_folder
from sagemaker_jobs.job import git_commit
from sagemaker_jobs.known_vectors import encode_unknown
from sagemaker_jobs.product_vectors import VECTORS, ProductVectors

BUILT, NO_RELEASE, SOME_REFUSED = 0, 1, 3
SETTINGS = "settings.json"
ACCOMPANYING = (SETTINGS, "synonyms.json")
"""What a shop has set for its index, beside the products."""
SHOPPER = "shopper"
"""Where a release carries the model of what shoppers buy next, if there is one."""
ARTEFACTS = PROJECT / "models" / "artefacts"
_CHUNK = 512
_SHOWN_LINES = 20

Say = Callable[[str], None]
Manifest = TypeVar("Manifest", EncoderManifest, RankerManifest)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job; returns the exit status."""
    given = _parser().parse_args(arguments)
    try:
        folder = given.catalogue or channel("catalogue")
        models = given.models or channel("models", ARTEFACTS)
        output = given.output or model_folder()
        catalogue = _read(folder / "products.jsonl")
        report = _report(folder)
        release = build_release(
            catalogue.products,
            models,
            output,
            described=_described(report, catalogue),
            say=_say,
            threads=given.threads,
            known=given.known,
            vectors=given.vectors,
            catalogue_version=report.get("catalogue_version"),
            accompanying={name: (folder / name).read_bytes() for name in ACCOMPANYING if (folder / name).exists()},
        )
    except (VitrineError, OSError) as error:
        print(f"build_release: {error}", file=sys.stderr)
        return NO_RELEASE
    print(release)
    return SOME_REFUSED if catalogue.refused else BUILT


def build_release(
    products: Sequence[Product],
    models: Path,
    output: Path,
    *,
    described: str,
    say: Say,
    threads: int = 2,
    known: Path | None = None,
    vectors: Path | None = None,
    lineage: Lineage | None = None,
    catalogue_version: int | None = None,
    accompanying: Mapping[str, bytes] = MappingProxyType({}),
) -> Path:
    """Write a release into `output` and return its folder; an equal one that is there already is returned instead.

    Args:
        products: At least one, with distinct ids.
        models: Holds `encoder/` and `ranker/`, or one of them, or neither; and `shopper/`, where there is one.
        output: Where releases lie.
        described: The catalogue in words, for the manifest and the card.
        say: Told what is going on.
        threads: How many products are encoded at once.
        known: Folder that keeps the products' vectors for the next time; None to compute all of them.
        vectors: What `embed` wrote: the large encoder's, of products and of frequent queries where there are some; None
            where the query encoder embeds the products.
        lineage: Of the training that made the models; None where they are taken as they shipped.
        catalogue_version: Of the catalogue's table when the products were exported; None for those of a file.
        accompanying: Content by name, of those in ACCOMPANYING that the shop has; copied into `index/`.

    Raises:
        CatalogueError: If there are no products.
        VitrineError: If `vectors` are no vectors of these products.
        ReleaseRefused: If the vectors lie in another space than the encoder's, or what was built does not open: a
            model that does not fit, say. Nothing is left behind.
    """
    if not products:
        raise CatalogueError("the catalogue holds no product that can be taken in: a release needs at least one")
    made = None if vectors is None else _vectors_of(products, vectors, models / "encoder")
    frequent = None if vectors is None else FrequentQueries.open(vectors)
    inputs_sha256 = _inputs_sha256(products, models, catalogue_version, accompanying, vectors, lineage)
    for built in output.glob(f"*-{inputs_sha256[:8]}"):
        if _is_equal(built, inputs_sha256):
            say(f"release {built.name} was built from the same catalogue, models and code: used again")
            return built
    made_at = datetime.now(UTC).replace(microsecond=0)
    release_id = _release_id(made_at, inputs_sha256)
    output.mkdir(parents=True, exist_ok=True)
    with _whole_or_nothing(output / release_id) as unfinished:
        encoder = _copy_model(models / "encoder", unfinished / "encoder", EncoderManifest)
        ranker = _copy_model(models / "ranker", unfinished / "ranker", RankerManifest)
        if (models / SHOPPER).is_dir():
            shutil.copytree(models / SHOPPER, unfinished / SHOPPER)
        if made is not None:
            embedded: Matrix | None = made.vectors
        elif encoder is not None:
            embedded = _embed(products, unfinished / "encoder", encoder.encoder_id, known, say, threads)
        else:
            embedded = None
        settings = IndexSettings.model_validate_json(accompanying.get(SETTINGS, "{}"))
        LocalIndex.build(products, embedded, unfinished, settings, say)
        for name, content in accompanying.items():
            (unfinished / "index" / name).write_bytes(content)
        if vectors is not None and frequent is not None:
            for name in FREQUENT_QUERIES:
                shutil.copy(vectors / name, unfinished / "index" / name)
        metrics = {f"ranker.{name}": value for name, value in ranker.metrics.items()} if ranker else {}
        if encoder:
            metrics["encoder.parity_cosine_mean"] = encoder.parity.cosine_mean
        manifest = ReleaseManifest(
            release_id=release_id,
            made_at=made_at,
            git_commit=git_commit(),
            inputs_sha256=inputs_sha256,
            catalogue=described,
            catalogue_version=catalogue_version,
            products=len(products),
            encoder_id=encoder and encoder.encoder_id,
            space=made.manifest.space if made else encoder and encoder.own_space,
            dimension=encoder and encoder.dimension,
            frequent_queries=0 if frequent is None else len(frequent),
            ranker_id=ranker and ranker.ranker_id,
            feature_names=ranker.feature_names if ranker else (),
            metrics=metrics,
            lineage=lineage,
            files={},
        )
        (unfinished / "card.md").write_text(_card(manifest, encoder, ranker))
        files = {
            path.relative_to(unfinished).as_posix(): file_entry(path)
            for path in sorted(unfinished.rglob("*"))
            if path.is_file()
        }
        manifest = manifest.model_copy(update={"files": files})
        (unfinished / MANIFEST).write_text(manifest.model_dump_json(indent=1) + "\n")
        say("opening it, as a function would")
        open_release(unfinished)
        seconds = (datetime.now(UTC) - made_at).total_seconds()
        say(f"built in {seconds:.0f} s, with at most {_peak_memory_mb():,.0f} MB of memory")
    return output / release_id


def _release_id(made_at: datetime, inputs_sha256: str) -> str:
    return f"{made_at:%Y%m%dT%H%M%S}-{inputs_sha256[:8]}"


@contextmanager
def _whole_or_nothing(folder: Path) -> Iterator[Path]:
    """A folder to fill beside the one wanted; renamed when all went well, removed when not."""
    unfinished = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    try:
        yield unfinished
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _read(path: Path) -> Catalogue:
    with path.open("rb") as file:
        catalogue = read_catalogue(file)
    for remark in (*catalogue.refused, *catalogue.warnings)[:_SHOWN_LINES]:
        print(f"{path.name} {remark}", file=sys.stderr)
    if len(catalogue.refused) > _SHOWN_LINES:
        print(f"{path.name}: {len(catalogue.refused):,} lines refused in all", file=sys.stderr)
    return catalogue


def _report(folder: Path) -> dict[str, Any]:
    """What prepare_catalogue said of the catalogue; nothing where it did not make it."""
    report = folder / "report.json"
    said: dict[str, Any] = json.loads(report.read_text()) if report.exists() else {}
    return said


def _described(report: Mapping[str, Any], catalogue: Catalogue) -> str:
    source = report.get("source", "products.jsonl")
    return f"{source}: {len(catalogue.products):,} products, {len(catalogue.refused):,} lines refused"


def _vectors_of(products: Sequence[Product], folder: Path, encoder: Path) -> ProductVectors:
    """The products' vectors, after it is seen that queries' vectors may be compared with them."""
    made = ProductVectors.read(folder)
    if len(made.vectors) != len(products):
        raise VitrineError(f"vectors in {folder}: {len(made.vectors):,} of them, for {len(products):,} products")
    if not (encoder / MANIFEST).exists():
        raise ReleaseRefused(f"vectors of {made.manifest.space} without an encoder for queries: {encoder} holds none")
    asking = EncoderManifest.model_validate_json((encoder / MANIFEST).read_bytes())
    if asking.own_space != made.manifest.space:
        raise ReleaseRefused(
            f"the encoder {asking.encoder_id} answers in the space of {asking.own_space}, "
            f"the products' vectors lie in that of {made.manifest.space}"
        )
    return made


def _inputs_sha256(
    products: Sequence[Product],
    models: Path,
    catalogue_version: int | None,
    accompanying: Mapping[str, bytes],
    vectors: Path | None,
    lineage: Lineage | None,
) -> str:
    """Over the products and what accompanies them, all that was learnt, and the code that makes a release."""
    hashed = hashlib.sha256(f"{catalogue_version}\n".encode())
    for name, content in sorted(accompanying.items()):
        hashed.update(f"{name} {len(content)}\n".encode())
        hashed.update(content)
    for product in products:
        hashed.update(product.model_dump_json().encode())
    if lineage is not None:
        hashed.update(lineage.model_dump_json().encode())
    given = []
    if vectors is not None:
        given = [path for name in (VECTORS, *FREQUENT_QUERIES) if (path := vectors / name).is_file()]
    code = [*(PROJECT / "relevance").rglob("*.py"), Path(__file__)]
    for path in (*given, *sorted(models.glob("*/*")), *sorted(code)):
        hashed.update(path.name.encode())
        hashed.update(path.read_bytes())
    return hashed.hexdigest()


def _is_equal(folder: Path, inputs_sha256: str) -> bool:
    try:
        manifest = read_manifest(folder)
        check_files(folder, manifest)
    except ReleaseRefused:
        return False
    return manifest.inputs_sha256 == inputs_sha256


def _copy_model(source: Path, target: Path, kind: type[Manifest]) -> Manifest | None:
    """Copy a model's folder as it is; None where there is none."""
    if not (source / MANIFEST).exists():
        return None
    shutil.copytree(source, target)
    return kind.model_validate_json((source / MANIFEST).read_bytes())


def _embed(
    products: Sequence[Product], encoder: Path, encoder_id: str, known: Path | None, say: Say, threads: int
) -> Matrix:
    """Shape (n, d): the vector of each product."""

    def encode(texts: list[str]) -> Matrix:
        model = TextEncoder.load(encoder, threads=threads)
        chunks = []
        begun = time.monotonic()
        for start in range(0, len(texts), _CHUNK):
            chunks.append(model.encode_batch(texts[start : start + _CHUNK], max_tokens=PRODUCT_TOKENS))
            done = min(start + _CHUNK, len(texts))
            say(f"encoding products: {pace(done, len(texts), time.monotonic() - begun)}")
        return np.concatenate(chunks)

    texts = [embedding_text(product) for product in products]
    return encode(texts) if known is None else encode_unknown(texts, known / f"{encoder_id}.npz", encode)


def _peak_memory_mb() -> float:
    """Of this process until now."""
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes * 1024 / 1e6 if sys.platform != "darwin" else kilobytes / 1e6


def _card(manifest: ReleaseManifest, encoder: EncoderManifest | None, ranker: RankerManifest | None) -> str:
    lines = [
        f"# Release {manifest.release_id}",
        "",
        f"- Catalogue: {manifest.catalogue}",
        f"- Made: {manifest.made_at:%Y-%m-%d %H:%M} UTC, code {manifest.git_commit or 'outside a repository'}",
        f"- Encoder: {f'{encoder.encoder_id}, from {encoder.derived_from}' if encoder else 'none, searches by words'}",
        f"- Frequent queries with the large model's vectors: {manifest.frequent_queries:,}",
        f"- Ranker: {f'{ranker.ranker_id}, from {ranker.derived_from}' if ranker else 'none, fused order'}",
    ]
    lines += [f"- {name}: {value:.4f}" for name, value in manifest.metrics.items()]
    lines += ["", "The cards of both models, with their limits and licences, lie beside them in this release."]
    return "\n".join(lines) + "\n"


def _say(message: str) -> None:
    print(f"build_release: {message}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sagemaker_jobs.build_release", description=__doc__)
    parser.add_argument("--catalogue", type=Path, metavar="DIR", help="default: $SM_CHANNEL_CATALOGUE")
    parser.add_argument("--models", type=Path, metavar="DIR", help="default: $SM_CHANNEL_MODELS, or those that ship")
    parser.add_argument("--output", type=Path, metavar="DIR", help="default: $SM_MODEL_DIR")
    parser.add_argument("--known", type=Path, metavar="DIR", help="keeps vectors from one release to the next")
    parser.add_argument("--vectors", type=Path, metavar="DIR", help="what embed wrote, of these very products")
    parser.add_argument("--threads", type=int, default=2, help="products encoded at once (default: 2)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
