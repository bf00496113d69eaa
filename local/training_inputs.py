"""What a training on this machine reads from outside: a shop, the release in use, and what was registered before."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from local.commands import run
from local.fingerprint import content_sha256, fingerprint_of
from local.folders import LocalFolder
from local.progress import Progress, StepFailed
from local.release import CODE, Prepared, Shop, build_release, prepare_shop
from local.training_steps import Source
from sagemaker_jobs.configuration import Configuration

PREPARE_BASKETS = (sys.executable, "-m", "sagemaker_jobs.prepare_baskets")
SHOPS_WITH_BASKETS = ("online_retail", "complete_journey")
NAMED = {"EVENTS": "events", "BASE": "base", "LIVE": "live"}
"""What a person may name on the command line, and which input it is."""
JUDGMENTS = "judgments.csv"

_Find = Callable[[], Path | None]


@dataclass(frozen=True)
class TrainingFolder:
    """`.local/training`: it lies apart from what `make up` makes, so that both may be at work."""

    root: Path

    @classmethod
    def from_environment(cls) -> "TrainingFolder":
        """Below the local cloud's folder."""
        return cls(LocalFolder.from_environment().root / "training")

    @property
    def local(self) -> LocalFolder:
        """Its catalogues, releases, logs and lock."""
        return LocalFolder(self.root)

    @property
    def runs(self) -> Path:
        """One folder for each run, with its summary."""
        return self.root / "runs"

    @property
    def steps(self) -> Path:
        """What the steps of all runs made."""
        return self.root / "steps"

    @property
    def registered(self) -> Path:
        """The releases that passed the gate, one folder each."""
        return self.root / "registered"

    def accepted(self, scope: str) -> Path:
        """The statistics of the data that the last registered release of a shop and configuration was trained on."""
        return self.root / "accepted" / scope


def resolve(
    progress: Progress, folder: TrainingFolder, shop: Shop, configuration: Configuration, scope: str
) -> dict[str, Source]:
    """The inputs of the graph that there are, by their name.

    The release in use is the one that `make up` serves of the same products, with the models that ship; LIVE= names
    another. Ratings are read to measure, never to train; not of part of a catalogue, which lacks most rated products.

    Raises:
        StepFailed: If what a person named is not there, or the catalogue cannot be made.
    """
    named = {name: _named(variable) for variable, name in NAMED.items()}
    whole = prepare_shop(progress, folder.local, shop)
    prepared = subset(whole, configuration.products)
    finders: Mapping[str, _Find] = {
        "catalogue": lambda: prepared.folder,
        "events": lambda: named["events"],
        "baskets": lambda: _baskets(progress, folder, shop),
        "accepted": lambda: folder.accepted(scope),
        "base": lambda: named["base"],
        "live": lambda: named["live"] or build_release(progress, folder.local, prepared),
        "judgments": lambda: _judgments(folder, shop) if prepared == whole else None,
    }
    found = {name: path for name, find in finders.items() if (path := find()) is not None and path.is_dir()}
    return {name: Source(path, content_sha256(path)) for name, path in found.items()}


def _named(variable: str) -> Path | None:
    if not (given := os.environ.get(variable)):
        return None
    path = Path(given).absolute()
    if not path.is_dir():
        raise StepFailed("Inputs", f"{variable}={given}: no such folder", f"name the folder of {NAMED[variable]}")
    return path


def subset(prepared: Prepared, products: int | None) -> Prepared:
    """At most so many products, evenly across the catalogue, with all that accompanies them."""
    lines = (prepared.folder / "products.jsonl").read_bytes().splitlines(keepends=True)
    if products is None or len(lines) <= products:
        return prepared
    name = f"{prepared.folder.name}-{products}"
    subset = Prepared(prepared.folder.with_name(name), prepared.release_record.with_name(f"{name}.folder"))
    if not subset.folder.is_dir():
        unfinished = subset.folder.with_name(f".{name}.part")
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(prepared.folder, unfinished)
        chosen = [lines[number * len(lines) // products] for number in range(products)]
        (unfinished / "products.jsonl").write_bytes(b"".join(chosen))
        report = json.loads((unfinished / "report.json").read_text(encoding="utf-8"))
        report |= {"source": f"{report['source']}, {products:,} of its {len(lines):,} products", "products": products}
        (unfinished / "report.json").write_text(json.dumps(report, ensure_ascii=False, indent=1), encoding="utf-8")
        unfinished.rename(subset.folder)
    return subset


def _baskets(progress: Progress, folder: TrainingFolder, shop: Shop) -> Path | None:
    """What was bought in a shop before there were events, where that is known."""
    if shop.name not in SHOPS_WITH_BASKETS:
        return None
    baskets = folder.root / "baskets" / fingerprint_of(CODE, shop.fingerprint())[:16]
    if not baskets.is_dir():
        unfinished = baskets.with_name(f".{baskets.name}.part")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        with progress.step("Baskets", log := folder.local.log("baskets")):
            run(
                "Baskets",
                [*PREPARE_BASKETS, *shop.arguments(), "--output", unfinished],
                log=log,
                advice="read the log; another shop is chosen with SHOP=",
            )
        unfinished.rename(baskets)
    return baskets


def _judgments(folder: TrainingFolder, shop: Shop) -> Path | None:
    """People's ratings of the shop's products; only Icecat has them."""
    if shop.name != "icecat" or shop.source is None or not (ratings := shop.source / "chorus" / JUDGMENTS).is_file():
        return None
    alone = folder.root / "judgments"  # apart from the catalogue that lies beside them
    alone.mkdir(parents=True, exist_ok=True)
    shutil.copy(ratings, alone / JUDGMENTS)
    return alone
