"""The catalogue of the running local cloud: a shop's products go in, everything comes out for the next release."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from functions.aws.catalogue_store import CatalogueStore
from functions.aws.catalogue_transfer import export_catalogue, import_products
from functions.aws.release_store import StoreUnavailable
from local.cloud import reach
from local.folders import LocalFolder
from local.progress import Progress, StepFailed
from local.release import INDEX_NAME, Prepared, Shop, build_release, prepare_export
from local.state import LocalState
from relevance.catalogue import read_catalogue

_PATIENCE_SECONDS = 20.0
_ADVICE = "read cloud.log; `make down` and `make up` start afresh"


def load_catalogue(progress: Progress, folder: LocalFolder, state: LocalState, shop: Shop, prepared: Prepared) -> None:
    """Put a shop's products into the running cloud's catalogue, in place of all others, unless they were put there.

    Raises:
        StepFailed: If the table does not take them.
    """
    wanted = shop.fingerprint()
    if state.loaded == wanted:
        return
    with progress.step("Load the catalogue", log := folder.log("load")), log.open("w", encoding="utf-8") as said:
        report = json.loads((prepared.folder / "report.json").read_text(encoding="utf-8"))
        with (prepared.folder / "products.jsonl").open("rb") as file:
            products = read_catalogue(file).products
        try:
            _, left_out = import_products(
                _store(state), products, source=report["source"], only_these=True, told=_teller(said)
            )
        except StoreUnavailable as error:
            raise StepFailed("Load the catalogue", str(error), _ADVICE) from error
    for refusal in left_out:
        progress.say(f"not in the catalogue, so not in the next `make release`: {refusal}")
    state.loaded, state.catalogue_released = wanted, False
    state.write()


def release_catalogue(progress: Progress, folder: LocalFolder, state: LocalState) -> Path:
    """The folder of a release of all that the running cloud's catalogue holds now.

    Raises:
        StepFailed: If the table does not answer, or the release cannot be made.
    """
    export = folder.root / "export"
    with progress.step("Export the catalogue"):
        shutil.rmtree(export, ignore_errors=True)
        try:
            export_catalogue(_store(state), export)
        except StoreUnavailable as error:
            raise StepFailed("Export the catalogue", str(error), _ADVICE) from error
    release = build_release(progress, folder, prepare_export(progress, folder, export))
    state.catalogue_released = True
    state.write()
    return release


def _store(state: LocalState) -> CatalogueStore:
    reach(state)
    return CatalogueStore(state.outputs["CatalogueTable"], INDEX_NAME, _PATIENCE_SECONDS)


def _teller(said: TextIO) -> Callable[[int, int], None]:
    def tell(done: int, of: int) -> None:
        print(f"{done:,} of {of:,}", file=said, flush=True)

    return tell
