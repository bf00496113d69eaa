"""Write a shop's catalogue as the release job reads it: every usable product once, every refused line named.

Reads one of the public catalogues (`--shop`), a shop's own file (`--catalogue`) or an export of the catalogue's table
(`--export`), and writes `products.jsonl` and `report.json`; for an export also `settings.json` and `synonyms.json`, for
a shop whose purchases are known also `price_history.jsonl`. Ends with 0 when every line was usable, 3 when some were
refused and the rest kept, 1 when nothing was usable (then a `products.jsonl` that was there stays), 2 when the command
line made no sense.
"""

import argparse
import gzip
import hashlib
import json
import lzma
import sys
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from relevance.catalogue import Catalogue, LineRemark, read_catalogue
from relevance.errors import VitrineError
from sagemaker_jobs.catalogues import complete_journey, export, icecat, online_retail
from sagemaker_jobs.catalogues.price_history import DayPrice, history_lines
from sagemaker_jobs.folders import FolderMissing, data_folder, output_folder

SHOPS = {
    "icecat": "Icecat (Icecat Open Content License; prices by the Chorus project)",
    "complete_journey": "Complete Journey (simulated from real shopping patterns; MIT)",
    "online_retail": "Online Retail (Chen, Sain and Guo 2012, doi:10.1057/dbm.2012.17; CC BY 4.0)",
}
"""Every public catalogue, and what its report and the release made of it say of it."""

PRICE_HISTORY = "price_history.jsonl"
ACCOMPANYING = (export.SETTINGS, export.SYNONYMS, PRICE_HISTORY)
"""What may lie beside `products.jsonl`."""

CLEAN, NOTHING_USABLE, SOME_REFUSED = 0, 1, 3
SHOWN_LINES = 20
_REPORTED_LINES = 10_000


@dataclass(frozen=True)
class Source:
    """A catalogue to be prepared."""

    described: str
    """Where it comes from, in words."""
    lines: Iterable[bytes | str]
    version: int | None = None
    """Of the catalogue's table, where the catalogue was exported from it."""
    accompanying: Mapping[str, bytes] = field(default_factory=dict)
    """Content by name, of those in ACCOMPANYING that there are."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job; returns the exit status."""
    given = _parser().parse_args(arguments)
    try:
        output = given.output or output_folder()
        source = _source(given)
        catalogue = read_catalogue(source.lines)
    except (VitrineError, OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        print(f"prepare_catalogue: {error}", file=sys.stderr)
        return NOTHING_USABLE
    _tell("refused", catalogue.refused)
    _tell("warning", catalogue.warnings)
    write(catalogue, source, output)
    if not catalogue.products:
        print(f"prepare_catalogue: no usable product in {source.described}", file=sys.stderr)
        return NOTHING_USABLE
    print(f"{len(catalogue.products):,} products from {source.described}, {len(catalogue.refused):,} lines refused")
    return SOME_REFUSED if catalogue.refused else CLEAN


def write(catalogue: Catalogue, source: Source, folder: Path) -> None:
    """Write `products.jsonl`, if there are products, what accompanies them, and `report.json`; each is whole or not
    there at all."""
    folder.mkdir(parents=True, exist_ok=True)
    report: dict[str, Any] = {
        "source": source.described,
        "products": len(catalogue.products),
        "catalogue_version": source.version,
    }
    if catalogue.products:
        content = b"".join(
            json.dumps(product.record(), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
            for product in catalogue.products
        )
        report["sha256"] = hashlib.sha256(content).hexdigest()
        _replace(folder / "products.jsonl", content)
    for name in ACCOMPANYING:
        if name in source.accompanying:
            _replace(folder / name, source.accompanying[name])
        else:
            (folder / name).unlink(missing_ok=True)
    report["refused"] = len(catalogue.refused)
    report["warnings"] = len(catalogue.warnings)
    report["refused_lines"] = _remarks(catalogue.refused)
    report["warned_lines"] = _remarks(catalogue.warnings)
    _replace(folder / "report.json", json.dumps(report, ensure_ascii=False, indent=1).encode() + b"\n")


def _source(given: argparse.Namespace) -> Source:
    if given.catalogue:
        return Source(given.catalogue.name, _lines(given.catalogue))
    if given.export:
        about = export.about(given.export)
        lines = _lines(given.export / export.PRODUCTS)
        return Source(about.source, lines, about.version, export.accompanying(given.export))
    data: Path = given.data or data_folder()
    shop = given.shop or ("icecat" if (data / icecat.FILE).is_file() else "complete_journey")
    if shop == "complete_journey":
        history = complete_journey.price_history()
        return Source(SHOPS[shop], complete_journey.lines(), accompanying=_history_file(history))
    file = {"icecat": icecat.FILE, "online_retail": online_retail.FILE}[shop]
    if not (data / file).is_file():
        raise FolderMissing(
            f"{data / file} is not there: name the data's folder (--data or VITRINE_DATA), "
            "or take another catalogue (--shop complete_journey, --catalogue FILE)"
        )
    if shop == "icecat":
        return Source(SHOPS[shop], icecat.lines(data))
    history = online_retail.price_history(data)
    return Source(SHOPS[shop], online_retail.lines(data), accompanying=_history_file(history))


def _history_file(history: Iterable[DayPrice]) -> dict[str, bytes]:
    return {PRICE_HISTORY: "".join(f"{line}\n" for line in history_lines(history)).encode()}


def _lines(path: Path) -> Iterable[bytes]:
    with _opened(path) as file:
        yield from file


def _opened(path: Path) -> IO[bytes] | gzip.GzipFile | lzma.LZMAFile:
    if path.suffix == ".gz":
        return gzip.open(path)
    return lzma.open(path) if path.suffix == ".xz" else path.open("rb")


def _replace(path: Path, content: bytes) -> None:
    """Write beside, then rename: a reader, or a second run, never meets half a file."""
    beside = path.with_name(f".{path.name}.part")
    beside.write_bytes(content)
    beside.replace(path)


def _remarks(remarks: Sequence[LineRemark]) -> list[dict[str, Any]]:
    return [{"line": remark.line, "text": remark.text} for remark in remarks[:_REPORTED_LINES]]


def _tell(kind: str, remarks: Sequence[LineRemark]) -> None:
    for remark in remarks[:SHOWN_LINES]:
        print(f"{kind}: {remark}", file=sys.stderr)
    if len(remarks) > SHOWN_LINES:
        print(f"{kind}: {len(remarks) - SHOWN_LINES:,} more, in report.json", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sagemaker_jobs.prepare_catalogue", description=__doc__)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--shop", choices=list(SHOPS), help="a public catalogue; by default icecat where its data lie")
    which.add_argument("--catalogue", type=Path, metavar="FILE", help="a shop's own JSON lines (.gz and .xz too)")
    which.add_argument("--export", type=Path, metavar="DIR", help="an export of the catalogue's table")
    parser.add_argument("--data", type=Path, metavar="DIR", help="where data sets lie (default: $VITRINE_DATA)")
    parser.add_argument("--output", type=Path, metavar="DIR", help="default: $SM_OUTPUT_DATA_DIR")
    return parser


if __name__ == "__main__":
    sys.exit(main())
