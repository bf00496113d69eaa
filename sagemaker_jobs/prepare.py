"""Make the data set that every other job of training reads, out of a catalogue and of what shoppers did.

    python -m sagemaker_jobs.prepare --catalogue DIR [--events DIR] [--baskets DIR] --output DIR

`catalogue` is what `prepare_catalogue` writes. `events` is a shop's training log: JSON lines of
`relevance.contracts.events.Event`, several files and packed ones too. `baskets` are purchases from before there were
events: JSON lines of `BasketLine`, as `prepare_baskets` writes them. Lines that are none of these are counted and named
in `report.json`, and the rest is kept.

What shoppers did comes first (`logged_lessons`); queries are derived from the catalogue (`derived_lessons`) as far as a
log holds fewer than `--queries`.
"""

import argparse
import hashlib
import json
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from relevance.catalogue import Catalogue, read_catalogue
from relevance.contracts.products import Product
from relevance.contracts.training import BasketLine, PairLine, QueryLine
from relevance.errors import VitrineError
from sagemaker_jobs import dataset
from sagemaker_jobs.data_statistics import statistics_of
from sagemaker_jobs.dataset import jsonl
from sagemaker_jobs.derived_lessons import derive_lessons
from sagemaker_jobs.examination import DEEPEST, Examination
from sagemaker_jobs.folders import channel, model_folder, optional_channel
from sagemaker_jobs.job import measured, run, say
from sagemaker_jobs.logged_lessons import LoggedLessons, logged_lessons
from sagemaker_jobs.prepare_catalogue import ACCOMPANYING
from sagemaker_jobs.query_lines import sorted_words
from sagemaker_jobs.shopping_log import NAMED_LINES, ShoppingLog, lines_of, read_log

QUERIES = 8000
MOST_QUERIES_OF_A_PRODUCT = 5
"""Derived queries for each product of a small catalogue: more of them would be the same titles in other orders."""
LEAST_PRODUCTS = 2
_SHOWN_PLACES = (1, 2, 3, 5, 10, 20, DEEPEST)


@dataclass(frozen=True)
class _Baskets:
    lines: Sequence[BasketLine]
    counts: Mapping[str, int]
    bad_lines: Sequence[Mapping[str, Any]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job; returns the exit status."""
    return run("prepare", _job, arguments)


def _job(arguments: Sequence[str] | None) -> None:
    given = _parser().parse_args(arguments)
    folder = channel("catalogue", given.catalogue)
    output = given.output or model_folder()
    events, past = optional_channel("events", given.events), optional_channel("baskets", given.baskets)
    catalogue = _catalogue(folder)
    products = catalogue.products
    row_of = {product.product_id: row for row, product in enumerate(products)}
    say(f"{len(products):,} products, {len(catalogue.refused):,} lines refused")

    log = read_log(events) if events else ShoppingLog()
    logged = logged_lessons(log.pages, row_of)
    if events:
        say(f"{log.counts['lines']:,} lines of events: {len(logged.queries):,} queries, {len(logged.pairs):,} pairs")
    asked = frozenset(sorted_words(page.text) for page in log.pages)
    missing = max(min(given.queries, MOST_QUERIES_OF_A_PRODUCT * len(products)) - len(logged.queries), 0)
    derived = derive_lessons(products, missing, seed=given.seed, asked=asked, say=say)
    baskets = _baskets(past, log, row_of)

    queries, pairs = [*logged.queries, *derived.queries], [*logged.pairs, *derived.pairs]
    if not queries:
        raise VitrineError(
            f"{len(products):,} products and {len(log.pages):,} pages that were shown gave no query to learn from: "
            "expected a larger catalogue, or events with clicks"
        )
    report = {
        "source": _source(folder),
        "catalogue_version": _report(folder).get("catalogue_version"),
        "seed": given.seed,
        "products": {"kept": len(products), "refused": len(catalogue.refused)},
        "refused_lines": [{"line": remark.line, "text": remark.text} for remark in catalogue.refused[:NAMED_LINES]],
        "queries": dict(sorted(Counter(f"{query.origin} {query.split}" for query in queries).items())),
        "patterns": dict(sorted(Counter(query.pattern for query in derived.queries).items())),
        "pairs": dict(sorted(Counter(pair.kind for pair in pairs).items())),
        "events": {"counts": dict(sorted((log.counts + Counter(logged.counts)).items())), "bad_lines": log.bad_lines},
        "examination": _examination(logged.examination) if events else None,
        "baskets": {"counts": dict(sorted(baskets.counts.items())), "bad_lines": baskets.bad_lines},
    }
    accompanying = [folder / name for name in ACCOMPANYING if (folder / name).is_file()]
    _write(output, products, queries, pairs, logged, baskets.lines, report, accompanying)
    for name, value in (("queries", len(queries)), ("pairs", len(pairs)), ("products", len(products))):
        measured(f"data:{name}", value)


def _catalogue(folder: Path) -> Catalogue:
    try:
        with (folder / dataset.PRODUCTS).open("rb") as file:
            catalogue = read_catalogue(file)
    except FileNotFoundError:
        raise VitrineError(f"{folder} has no {dataset.PRODUCTS}: expected what prepare_catalogue writes") from None
    if len(catalogue.products) < LEAST_PRODUCTS:
        reason = f" ({catalogue.refused[0]})" if catalogue.refused else ""
        raise VitrineError(
            f"{folder / dataset.PRODUCTS} holds {len(catalogue.products)} usable products{reason}: "
            f"expected at least {LEAST_PRODUCTS}"
        )
    return catalogue


def _report(folder: Path) -> dict[str, Any]:
    path = folder / dataset.REPORT
    if not path.is_file():
        return {}
    try:
        report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise VitrineError(f"{path} is no JSON: {error}") from None
    return report


def _source(folder: Path) -> str:
    return str(_report(folder).get("source", "a catalogue"))


def _baskets(folder: Path | None, log: ShoppingLog, row_of: Mapping[str, int]) -> _Baskets:
    """Those of the channel and those of the log, each once, with the products that the catalogue still has."""
    counts: Counter[str] = Counter()
    bad_lines: list[Mapping[str, Any]] = []
    found: dict[tuple[str, Any, tuple[str, ...]], BasketLine] = {}
    for basket in [*_past_baskets(folder, counts, bad_lines), *log.baskets]:
        known = tuple(dict.fromkeys(product_id for product_id in basket.product_ids if product_id in row_of))
        counts["purchases of products that are gone"] += len(set(basket.product_ids)) - len(known)
        if not known:
            counts["baskets left empty"] += 1
            continue
        key = (basket.shopper, basket.at, known)
        counts["baskets given again"] += key in found
        found[key] = BasketLine(shopper=basket.shopper, at=basket.at, product_ids=known)
    counts["baskets"] = len(found)
    ordered = sorted(found.values(), key=lambda basket: (basket.at, basket.shopper, basket.product_ids))
    return _Baskets(ordered, +counts, bad_lines)


def _past_baskets(
    folder: Path | None, counts: Counter[str], bad_lines: list[Mapping[str, Any]]
) -> Iterable[BasketLine]:
    for name, number, line in lines_of(folder) if folder else ():
        counts["lines"] += 1
        try:
            basket = BasketLine.model_validate_json(line)
            if basket.at.tzinfo is None:
                raise ValueError("at has no zone: expected a time such as 2026-11-22T10:00:00Z")
        except ValueError as error:  # pydantic's is one
            counts["bad lines"] += 1
            if len(bad_lines) < NAMED_LINES:
                reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
                bad_lines.append({"file": name, "line": number, "text": reason})
        else:
            yield basket


def _examination(examination: Examination) -> dict[str, Any]:
    return {
        "measured_places": list(examination.measured),
        "fall": round(examination.fall, 4),
        "propensities": {str(place): round(examination.of(place), 4) for place in _SHOWN_PLACES},
    }


def _write(
    output: Path,
    products: Sequence[Product],
    queries: Sequence[QueryLine],
    pairs: Sequence[PairLine],
    logged: LoggedLessons,
    baskets: Sequence[BasketLine],
    report: dict[str, Any],
    accompanying: Sequence[Path],
) -> None:
    """Write all files into a folder beside, then move them: a data set is whole or not there; its report comes last."""
    beside = output / ".part"
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    lines: dict[str, Iterable[str]] = {
        dataset.PRODUCTS: (
            json.dumps(product.record(), ensure_ascii=False, separators=(",", ":")) + "\n" for product in products
        ),
        dataset.QUERIES: jsonl(queries),
        dataset.PAIRS: jsonl(pairs),
        dataset.IMPRESSIONS: jsonl(logged.impressions),
        dataset.BASKETS: jsonl(baskets),
    }
    digest = hashlib.sha256()
    for name in dataset.HASHED:
        with (beside / name).open("wb") as file:
            for line in lines[name]:
                content = line.encode()
                digest.update(content)
                file.write(content)
    for path in accompanying:
        shutil.copy(path, beside / path.name)
    statistics = statistics_of(products, queries, pairs, logged.impressions, baskets)
    (beside / dataset.STATISTICS).write_text(statistics.model_dump_json(indent=1) + "\n", encoding="utf-8")
    whole = json.dumps(report | {"sha256": digest.hexdigest()}, ensure_ascii=False, indent=1)
    (beside / dataset.REPORT).write_text(whole + "\n", encoding="utf-8")
    (output / dataset.REPORT).unlink(missing_ok=True)
    for name in ACCOMPANYING:
        (output / name).unlink(missing_ok=True)
    for path in sorted(beside.iterdir(), key=lambda path: path.name == dataset.REPORT):
        path.replace(output / path.name)
    beside.rmdir()
    say(f"{output}: {len(queries):,} queries, {len(pairs):,} pairs, {len(baskets):,} baskets")


def _from(least: int) -> Any:
    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number from {least} up")
        return int(text)

    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sagemaker_jobs.prepare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--catalogue", type=Path, metavar="DIR", help="default: $SM_CHANNEL_CATALOGUE")
    parser.add_argument("--events", type=Path, metavar="DIR", help="default: $SM_CHANNEL_EVENTS; none without")
    parser.add_argument("--baskets", type=Path, metavar="DIR", help="default: $SM_CHANNEL_BASKETS; none without")
    parser.add_argument("--output", type=Path, metavar="DIR", help="default: $SM_MODEL_DIR")
    parser.add_argument(
        "--queries", type=_from(0), default=QUERIES, help="derive at most as many as a log lacks of this"
    )
    parser.add_argument("--seed", type=_from(0), default=1, help="of all that is drawn")
    return parser


if __name__ == "__main__":
    sys.exit(main())
