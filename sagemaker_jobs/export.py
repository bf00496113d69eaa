"""Make a release of what was trained: the data set's products, their vectors, the light encoder and the ranker.

    python -m sagemaker_jobs.export --dataset DIR --vectors DIR --encoder DIR --ranker DIR --output DIR

Channels `dataset` (of prepare), `vectors` (of embed), `encoder` (of compress), `ranker` (of train_ranker), and where
they are there `categories` (of categorise: fills in what products lack before they are indexed) and `shopper` (of
train_shopper: travels in the release as `shopper/`). Writes `<output>/<release_id>/`; where each part comes from
stands in its manifest. Ends with 0, or with 1 and the cause.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from relevance.contracts.models import EncoderManifest, Lineage, RankerManifest, ShopperManifest
from relevance.contracts.products import Product
from relevance.contracts.training import CategoryLine
from relevance.errors import ReleaseRefused, VitrineError
from relevance.release_files import MANIFEST, file_entry
from sagemaker_jobs.build_release import SHOPPER, build_release
from sagemaker_jobs.dataset import Dataset
from sagemaker_jobs.folders import channel, model_folder, optional_channel
from sagemaker_jobs.job import git_commit, run, say
from sagemaker_jobs.prepare_catalogue import ACCOMPANYING
from sagemaker_jobs.product_vectors import ProductVectors

CATEGORIES = "categories.jsonl"
_PAPERS = ("card.md", "LICENSE", "NOTICE")
"""What lies beside a model for people to read."""

Manifest = TypeVar("Manifest", EncoderManifest, RankerManifest, ShopperManifest)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job; returns the exit status."""
    return run("export", _job, arguments)


def _job(arguments: Sequence[str] | None) -> None:
    given = _parser().parse_args(arguments)
    release = export(
        Dataset(given.dataset or channel("dataset")),
        given.vectors or channel("vectors"),
        given.encoder or channel("encoder"),
        given.ranker or channel("ranker"),
        given.output or model_folder(),
        categories=optional_channel("categories", given.categories),
        shopper=optional_channel("shopper", given.shopper),
        threads=given.threads,
    )
    print(release)


def export(
    dataset: Dataset,
    vectors: Path,
    encoder: Path,
    ranker: Path,
    output: Path,
    *,
    categories: Path | None = None,
    shopper: Path | None = None,
    threads: int = 2,
) -> Path:
    """Write a release into `output` and return its folder.

    Args:
        dataset: Whose products are sold.
        vectors, encoder, ranker, categories, shopper: What the jobs of these names wrote; the last two may be absent.
        output: Where releases lie.
        threads: How many products are encoded at once, if any are.

    Raises:
        VitrineError: If a part is missing, damaged, or made from another data set; the message names both sides.
        ReleaseRefused: If the parts do not fit together.
    """
    data_sha256 = dataset.report["sha256"]
    made = ProductVectors.read(vectors).manifest
    if made.data_sha256 != data_sha256:
        raise VitrineError(
            f"the vectors in {vectors} were made of the data set {made.data_sha256[:12]}, "
            f"{dataset.folder} holds {data_sha256[:12]}"
        )
    accompanying = [dataset.folder / name for name in ACCOMPANYING]
    products = dataset.products if categories is None else filled_in(dataset.products, categories)
    with tempfile.TemporaryDirectory() as scratch:
        models = Path(scratch)
        encoder_manifest = _copy_model(encoder, models / "encoder", EncoderManifest)
        ranker_manifest = _copy_model(ranker, models / "ranker", RankerManifest)
        parts = {"encoder": encoder_manifest.lineage, "ranker": ranker_manifest.lineage}
        if shopper is not None and (shopper / MANIFEST).is_file():  # a shop without purchases has only a report
            shopper_manifest = _copy_model(shopper, models / SHOPPER, ShopperManifest)
            if shopper_manifest.space != made.space:
                raise ReleaseRefused(
                    f"the shopper model reads vectors of {shopper_manifest.space}, the products' are of {made.space}"
                )
            parts[SHOPPER] = shopper_manifest.lineage
        return build_release(
            products,
            models,
            output,
            described=f"{dataset.report['source']}: {len(products):,} products",
            say=say,
            threads=threads,
            vectors=vectors,
            catalogue_version=dataset.report.get("catalogue_version"),
            accompanying={each.name: each.read_bytes() for each in accompanying if each.is_file()},
            lineage=lineage_of(data_sha256, parts, ranker_manifest.seed),
        )


def filled_in(products: Sequence[Product], categories: Path) -> list[Product]:
    """The products, those without a category with the one that they are taken for.

    Raises:
        VitrineError: If a line is no category of a product of these.
    """
    file = categories / CATEGORIES
    paths: dict[str, tuple[str, ...]] = {}
    known = {product.product_id for product in products}
    try:
        with file.open(encoding="utf-8") as lines:
            for number, text in enumerate(lines, start=1):
                line = CategoryLine.model_validate_json(text)
                if line.product_id not in known:
                    raise VitrineError(f"{file}, line {number}: there is no product {line.product_id}")
                paths[line.product_id] = line.category
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise VitrineError(f"{file}: {error}") from error
    found = [
        product.model_copy(update={"categories": paths[product.product_id]})
        if not product.categories and product.product_id in paths
        else product
        for product in products
    ]
    lacking = sum(not product.categories for product in products)
    filled = lacking - sum(not product.categories for product in found)
    say(f"{lacking:,} of {len(found):,} products state no category, {filled:,} were given one")
    return found


def lineage_of(data_sha256: str, parts: Mapping[str, Lineage | None], ranker_seed: int) -> Lineage:
    """Where a release comes from: what its parts say of themselves, each parameter behind its part's name.

    The seed is the encoder's, where it says one; the parent is what the encoder started from.

    Raises:
        VitrineError: If a part was trained on another data set.
    """
    for name, part in parts.items():
        if part is not None and part.data_sha256 != data_sha256:
            raise VitrineError(
                f"the {name} was trained on the data set {part.data_sha256[:12]}, the release is of {data_sha256[:12]}"
            )
    parameters: dict[str, str | int | float | bool] = {"ranker.seed": ranker_seed}
    for name, part in parts.items():
        if part is not None:
            parameters |= {f"{name}.seed": part.seed}
            parameters |= {f"{name}.{parameter}": value for parameter, value in sorted(part.parameters.items())}
    encoder = parts.get("encoder")
    return Lineage(
        data_sha256=data_sha256,
        git_commit=git_commit(),
        parameters=parameters,
        seed=encoder.seed if encoder else ranker_seed,
        parent=encoder.parent if encoder else None,
    )


def _copy_model(source: Path, target: Path, kind: type[Manifest]) -> Manifest:
    """Copy a model as its manifest lists it, with the papers beside it, after every file was held against that list."""
    try:
        manifest: Manifest = kind.model_validate_json((source / MANIFEST).read_bytes())
    except (OSError, ValidationError) as error:
        raise VitrineError(f"{source} holds no {target.name}: {error}") from error
    target.mkdir(parents=True)
    for name, promised in manifest.files.items():
        path = source / name
        if not path.is_file():
            raise VitrineError(f"{path} is missing; the {target.name}'s manifest promises {promised.size_bytes} bytes")
        if file_entry(path) != promised:
            raise VitrineError(
                f"{path} has {path.stat().st_size} bytes and another sha256 than the {target.name}'s manifest says, "
                f"which promises {promised.size_bytes}"
            )
    for name in (MANIFEST, *manifest.files, *_PAPERS):
        if (source / name).is_file():
            shutil.copy(source / name, target / name)
    return manifest


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sagemaker_jobs.export",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for name in ("dataset", "vectors", "encoder", "ranker"):
        parser.add_argument(f"--{name}", type=Path, metavar="DIR", help=f"default: $SM_CHANNEL_{name.upper()}")
    for name in ("categories", "shopper"):
        parser.add_argument(f"--{name}", type=Path, metavar="DIR", help=f"default: $SM_CHANNEL_{name.upper()}, or none")
    parser.add_argument("--output", type=Path, metavar="DIR", help="default: $SM_MODEL_DIR")
    parser.add_argument("--threads", type=int, default=2, help="products encoded at once (default: 2)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
