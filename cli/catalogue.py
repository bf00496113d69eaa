"""`vitrine catalogue`: a whole catalogue into a stage's table, and out of it."""

import argparse
import sys
from pathlib import Path

from functions.aws.catalogue_store import CatalogueStore
from functions.aws.catalogue_transfer import export_catalogue, import_products
from functions.aws.stacks import stack_output
from relevance.catalogue import read_catalogue

_PATIENCE_SECONDS = 30.0
_SHOWN = 20


def import_file(given: argparse.Namespace) -> None:
    """Put the products of a file into the table; a line or product that cannot be taken in is named and left out."""
    with given.file.open("rb") as file:
        catalogue = read_catalogue(file)
    version, left_out = import_products(
        _store(given),
        catalogue.products,
        source=given.source or given.file.name,
        only_these=given.only_these,
        told=lambda done, of: print(f"\r{done:,} of {of:,}", end="", file=sys.stderr, flush=True),
    )
    print(file=sys.stderr)
    refused = [*map(str, catalogue.refused), *left_out]
    for said in refused[:_SHOWN]:
        print(f"refused: {said}", file=sys.stderr)
    if len(refused) > _SHOWN:
        print(f"refused: {len(refused) - _SHOWN:,} more", file=sys.stderr)
    taken = len(catalogue.products) - len(left_out)
    print(
        f"{taken:,} products, {len(refused):,} refused; catalogue version {version}, searchable with the next release"
    )


def export_folder(given: argparse.Namespace) -> None:
    """Write the catalogue into a folder that `python -m sagemaker_jobs.prepare_catalogue --export` reads."""
    version, products = export_catalogue(_store(given), given.folder)
    print(f"{products:,} products of catalogue version {version} in {given.folder}")


def add_catalogue_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Tell the command line of them."""
    actions = commands.add_parser("catalogue", help="import or export a stage's catalogue").add_subparsers(
        required=True, metavar="ACTION"
    )
    importing = actions.add_parser("import", help="put the products of a file into it")
    importing.add_argument("file", type=Path, help="products, one JSON object a line")
    importing.add_argument("--source", help="where the products come from, in words; default: the file's name")
    importing.add_argument("--only-these", action="store_true", help="remove every product that the file has not")
    importing.set_defaults(command=import_file)
    exporting = actions.add_parser("export", help="write all of it into a folder, for a release")
    exporting.add_argument("folder", type=Path)
    exporting.set_defaults(command=export_folder)
    for action in (importing, exporting):
        action.add_argument("--stage", required=True, help="such as dev")
        action.add_argument("--index", default="products", help="default: products")


def _store(given: argparse.Namespace) -> CatalogueStore:
    return CatalogueStore(stack_output(given.stage, "storage", "CatalogueTable"), given.index, _PATIENCE_SECONDS)
