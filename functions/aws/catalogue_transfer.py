"""A whole catalogue into its table, and out of it into the folder that a release is prepared from."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

from functions.aws.catalogue_store import CatalogueStore, Record, as_text
from functions.aws.release_store import StoreUnavailable
from relevance.catalogue_changes import check_size
from relevance.contracts.products import Product
from relevance.errors import BadRequest

_SETTINGS, _SOURCE = "settings", "source"
UNKNOWN_SOURCE = "products written through the API"


def import_products(
    store: CatalogueStore,
    products: Iterable[Product],
    *,
    source: str,
    only_these: bool = False,
    told: Callable[[int, int], None] = lambda done, of: None,
) -> tuple[int, list[str]]:
    """Put products into the table, whatever it held under their ids.

    Args:
        store: Of the index.
        products: With distinct ids.
        source: Where they come from, in words; stays with the catalogue.
        only_these: Whether to remove all others.
        told: Called as it goes on, with the number of records behind us and of all.

    Returns:
        The version of the catalogue that holds them, and why products were left out, one sentence each.

    Raises:
        StoreUnavailable: If the table did not take all; to import again does no harm.
    """
    records: dict[str, Record | None] = {}
    left_out = []
    for product in products:
        record = product.record()
        try:
            check_size(record)
        except BadRequest as error:
            left_out.append(f"{product.product_id}: {error}")
        else:
            records[product.product_id] = record
    if only_these:
        records |= dict.fromkeys(store.read_all("product").keys() - records.keys())
    failed = store.write("product", records, told=lambda done: told(done, len(records)))
    failed |= store.write("settings", {_SOURCE: {"text": source}})
    if failed:
        said = f"{len(failed):,} of {len(records):,} records were not written"
        raise StoreUnavailable(f"{said} ({next(iter(failed.values()))}): import again")
    return store.advance(), left_out


def export_catalogue(store: CatalogueStore, folder: Path) -> tuple[int, int]:
    """Write the whole catalogue into a folder: `products.jsonl`, `settings.json`, `synonyms.json`, `export.json`.

    Returns:
        The version of the catalogue, and the number of products.
    """
    folder.mkdir(parents=True, exist_ok=True)
    version = store.version()  # before anything is read: what comes in meanwhile may be missing, so it must not count
    products = store.read_all("product")
    settings = store.read("settings", [_SETTINGS, _SOURCE])
    source = settings[_SOURCE].record["text"] if _SOURCE in settings else UNKNOWN_SOURCE
    lines = "".join(as_text(record) + "\n" for record in products.values())
    (folder / "products.jsonl").write_text(lines, encoding="utf-8")
    wanted = settings[_SETTINGS].record if _SETTINGS in settings else {}
    (folder / "settings.json").write_text(json.dumps(wanted), encoding="utf-8")
    synonyms = list(store.read_all("synonym").values())
    (folder / "synonyms.json").write_text(json.dumps(synonyms, ensure_ascii=False), encoding="utf-8")
    (folder / "export.json").write_text(json.dumps({"version": version, "source": source}), encoding="utf-8")
    return version, len(products)
