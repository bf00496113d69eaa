"""Decide whether a data set may be trained on; a report says why, and a data set that may not ends the run.

    python -m sagemaker_jobs.check_data --dataset DIR [--accepted DIR] --output DIR

Looked at are the form of every line, what is missing, ranges, duplicates, leaks between the splits, whether there is
enough of everything, and drift against `accepted`, the `statistics.json` of the data that were accepted last. Writes
`report.json` and `report.md`; of data that may be trained on also `statistics.json`, the next accepted.

Large drift of the products stops the run: whoever reads the report decides, and says so with `--accept-drift yes`. A
training that nobody watches must not learn from a feed that lost its prices overnight. A new department moves the same
shares and takes nothing away: that is a warning, as are moderate drift and any drift of what shoppers ask and buy: that
they changed is a reason to train, not one against it.
"""

import argparse
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from relevance.contracts.training import Split
from relevance.drift import (
    CERTAIN,
    LARGE_CHANGE,
    LEAST_DISTANCE,
    SOME_CHANGE,
    chance_of_stability,
    kolmogorov_smirnov,
    population_stability,
)
from relevance.errors import VitrineError
from sagemaker_jobs.data_statistics import Statistics, largest
from sagemaker_jobs.dataset import HASHED, REPORT, STATISTICS, Dataset
from sagemaker_jobs.examination import MOST_WEIGHT
from sagemaker_jobs.folders import channel, model_folder, optional_channel
from sagemaker_jobs.job import measured, replace_file, run, say
from sagemaker_jobs.query_lines import SHARES, sorted_words

LEAST_PRODUCTS = 20
"""Fewer leave no wrong answers to learn from."""
LEAST_QUERIES: dict[Split, int] = {"train": 20, "validation": 2, "test": 2}
LEAST_ANSWERS = 10
"""Different products that answer the queries to learn from."""
RIGHT, WRONG = 0.5, 0.25
"""Relevance, in [0, 1]: both classes must be there, from the one up and below the other."""
MOST_ALIKE = 0.1
"""In [0, 1]: part of the products that may read like another one before it is worth a warning."""
MOST_MISSING = 0.5
"""In [0, 1]: part of the products that may lack a description, a brand or a price before it is worth a warning."""
MISSING_GROWS = 0.1
"""In [0, 1]: growth of a missing part from which data are others; a tenth of a catalogue is no accident."""
SHRINKS = 0.5
"""In (0, 1): part of the number of products accepted before that there must be."""
GROWS = 2.0
"""The same, above 1: so many times as many, and no more."""
MOST_GONE = 0.1
"""In [0, 1]: part of the products accepted before that may have lost their brand, category or price band, or be gone,
before large drift stops the run. A new department moves every share and takes nothing away."""

Outcome = Literal["passed", "warning", "failed"]


@dataclass(frozen=True)
class Finding:
    """What one check came to."""

    check: str
    outcome: Outcome
    said: str
    """In a sentence, with the figures."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job; returns the exit status."""
    return run("check_data", _job, arguments)


def _job(arguments: Sequence[str] | None) -> None:
    given = _parser().parse_args(arguments)
    dataset = Dataset(channel("dataset", given.dataset))
    accepted = optional_channel("accepted", given.accepted)
    output = given.output or model_folder()
    before = _statistics(accepted) if accepted else None
    findings = check_data(dataset, before, drift_accepted=given.accept_drift == "yes")
    failed = [finding for finding in findings if finding.outcome == "failed"]
    about = _about(dataset)
    report = {
        "dataset": about.get("sha256"),
        "source": about.get("source"),
        "compared_with_accepted": before is not None,
        "drift_accepted_by_hand": given.accept_drift == "yes",
        "passed": not failed,
        "findings": [asdict(finding) for finding in findings],
    }
    replace_file(output / REPORT, json.dumps(report, ensure_ascii=False, indent=1).encode() + b"\n")
    replace_file(output / "report.md", _readable(about, findings).encode())
    measured("data:failed_checks", len(failed))
    for finding in findings:
        if finding.outcome == "warning":
            say(f"warning: {finding.check}: {finding.said}")
    if failed:
        # what was refused must not become what the next data are compared with
        (output / STATISTICS).unlink(missing_ok=True)
        raise VitrineError("; ".join(f"{finding.check}: {finding.said}" for finding in failed))
    replace_file(output / STATISTICS, (dataset.folder / STATISTICS).read_bytes())
    say(f"{len(findings)} checks, none failed")


def check_data(dataset: Dataset, before: Statistics | None, *, drift_accepted: bool = False) -> list[Finding]:
    """Make every check that can be made; where lines cannot be read, none of the others can.

    Args:
        dataset: What `prepare` wrote.
        before: Of the data accepted last; None for the first.
        drift_accepted: A person has read of large drift and wants it trained on: it is a warning then.
    """
    try:
        statistics = _statistics(dataset.folder)
        lines = (dataset.products, dataset.queries, dataset.pairs, dataset.impressions, dataset.baskets)
        written = dataset.report.get("sha256")
    except (VitrineError, ValueError) as error:
        return [Finding("schema", "failed", str(error))]
    findings = [Finding("schema", "passed", f"{sum(map(len, lines)):,} lines are what they should be")]
    found = _sha256(dataset.folder)
    findings.append(
        _must("sha256", found == written, f"the lines hash to {found[:12]}…, the report says {str(written)[:12]}…")
    )
    for check in (_enough, _classes, _references, _ranges, _duplicates, _leaks, _order):
        findings += check(dataset)
    findings += _missing(statistics)
    if before is not None:
        findings += _drift(before, statistics, drift_accepted)
    return findings


def _must(check: str, holds: bool, said: str) -> Finding:
    return Finding(check, "passed" if holds else "failed", said)


def _enough(dataset: Dataset) -> Iterator[Finding]:
    count = len(dataset.products)
    yield _must("enough products", count >= LEAST_PRODUCTS, f"{count:,}, expected at least {LEAST_PRODUCTS}")
    queries = Counter(query.split for query in dataset.queries)
    for split, least in LEAST_QUERIES.items():
        said = f"{queries[split]:,} in {split}, expected at least {least}"
        yield _must(f"enough queries to {_PURPOSES[split]}", queries[split] >= least, said)


_PURPOSES: dict[Split, str] = {"train": "learn from", "validation": "choose by", "test": "measure on"}


def _classes(dataset: Dataset) -> Iterator[Finding]:
    """One class alone teaches nothing: there must be right and wrong products, and not always the same right one."""
    split_of = {query.query_id: query.split for query in dataset.queries}
    learnt = [pair for pair in dataset.pairs if split_of.get(pair.query_id) == "train"]
    right = [pair for pair in learnt if pair.relevance >= RIGHT]
    wrong = sum(pair.relevance < WRONG for pair in learnt)
    yield _must(
        "right and wrong pairs", bool(right) and wrong > 0, f"{len(right):,} right, {wrong:,} wrong to learn from"
    )
    answers = len({pair.product_id for pair in right})
    yield _must("different answers", answers >= LEAST_ANSWERS, f"{answers:,}, expected at least {LEAST_ANSWERS}")
    answered = {pair.query_id for pair in dataset.pairs if pair.relevance > 0}
    without = sum(query.query_id not in answered for query in dataset.queries)
    yield _must("an answer to each query", without == 0, f"{without:,} of {len(dataset.queries):,} queries have none")


def _references(dataset: Dataset) -> Iterator[Finding]:
    queries = {query.query_id for query in dataset.queries}
    lost = {
        "pairs without their query": sum(pair.query_id not in queries for pair in dataset.pairs),
        "pairs without their product": sum(pair.product_id not in dataset.row_of for pair in dataset.pairs),
        "pages without their query": sum(line.query_id not in queries for line in dataset.impressions),
        "products on pages": sum(
            name not in dataset.row_of for line in dataset.impressions for name in line.product_ids
        ),
        "products in baskets": sum(name not in dataset.row_of for line in dataset.baskets for name in line.product_ids),
    }
    said = ", ".join(f"{count:,} {what}" for what, count in lost.items() if count) or "all are there"
    yield _must("queries and products that are named", not any(lost.values()), said)


def _ranges(dataset: Dataset) -> Iterator[Finding]:
    """What a line's form does not say; relevance in [0, 1] and prices from 0 it does."""
    heavy = sum(pair.weight > MOST_WEIGHT for pair in dataset.pairs)
    uneven = sum(
        not len(line.product_ids) == len(line.gains) == len(line.weights)
        or any(gain < 0 for gain in line.gains)
        or any(not 0 < weight <= MOST_WEIGHT for weight in line.weights)
        for line in dataset.impressions
    )
    yield _must("weights", heavy == 0, f"{heavy:,} pairs weigh more than {MOST_WEIGHT:g}")
    yield _must(
        "pages", uneven == 0, f"{uneven:,} pages with gains or weights out of range, or not one for each product"
    )


def _duplicates(dataset: Dataset) -> Iterator[Finding]:
    twice = {
        "query ids": _repeated(query.query_id for query in dataset.queries),
        "queries": _repeated(sorted_words(query.text) or query.text for query in dataset.queries),
        "pairs": _repeated((pair.query_id, pair.product_id) for pair in dataset.pairs),
    }
    said = ", ".join(f"{count:,} {what}" for what, count in twice.items() if count) or "none"
    yield _must("duplicates", not any(twice.values()), said)
    count = len(dataset.products)
    alike = count - _statistics(dataset.folder).counts["distinct product texts"]
    outcome: Outcome = "warning" if alike > MOST_ALIKE * count else "passed"
    yield Finding("products that read like another", outcome, f"{alike:,} of {count:,}")


def _repeated(values: Iterable[object]) -> int:
    return sum(count - 1 for count in Counter(values).values())


def _leaks(dataset: Dataset) -> Iterator[Finding]:
    """No query in two splits, and nothing that is measured on from before what is learnt from."""
    splits: dict[str, set[Split]] = {}
    for query in dataset.queries:
        splits.setdefault(sorted_words(query.text) or query.text, set()).add(query.split)
    shared = [text for text, of_text in splits.items() if len(of_text) > 1]
    said = f"{len(shared):,} queries stand in two splits" + (f", such as {shared[0]!r}" if shared else "")
    yield _must("leaks of queries", not shared, said)
    split_of = {query.query_id: query.split for query in dataset.queries}
    times: dict[Split, list[datetime]] = {split: [] for split in SHARES}
    for line in dataset.impressions:
        if line.query_id in split_of:
            times[split_of[line.query_id]].append(line.at)
    periods = [(split, min(of_split), max(of_split)) for split, of_split in times.items() if of_split]
    overlapping = [
        f"{first[0]} ends {first[2]:%Y-%m-%d %H:%M}, {second[0]} begins {second[1]:%Y-%m-%d %H:%M}"
        for first, second in pairwise(periods)
        if first[2] > second[1]
    ]
    yield _must("leaks of time", not overlapping, "; ".join(overlapping) or "each split is later than the one before")


def _order(dataset: Dataset) -> Iterator[Finding]:
    for name, times in (
        ("pages", [line.at for line in dataset.impressions]),
        ("baskets", [line.at for line in dataset.baskets]),
    ):
        early = sum(second < first for first, second in pairwise(times))
        yield _must(f"order of {name}", early == 0, f"{early:,} of {len(times):,} are earlier than the one before")


def _missing(statistics: Statistics) -> Iterator[Finding]:
    for field in ("description", "brand", "price"):
        part = statistics.missing[field]
        outcome: Outcome = "warning" if part > MOST_MISSING else "passed"
        yield Finding(f"missing {field}", outcome, f"{part:.1%} of the products lack it")


def _drift(before: Statistics, now: Statistics, drift_accepted: bool) -> Iterator[Finding]:
    """Every distribution and size that both know; an empty side is no drift but a beginning or an end."""
    stop: Outcome = "warning" if drift_accepted else "failed"
    kept = now.counts["products"] / max(before.counts["products"], 1)
    yield Finding(
        "drift of the number of products",
        "passed" if SHRINKS <= kept <= GROWS else stop,
        f"{before.counts['products']:,} before, {now.counts['products']:,} now, {SHRINKS:.0%} to {GROWS:.0%} expected",
    )
    for field, part in now.missing.items():
        grown = part - before.missing.get(field, part)
        yield Finding(
            f"drift of missing {field}",
            stop if grown > MISSING_GROWS else "passed",
            f"{part - grown:.1%} of the products lacked it before, {part:.1%} now",
        )
    for name in sorted(now.distributions.keys() & before.distributions.keys()):
        first, second = before.distributions[name], now.distributions[name]
        if not first or not second:
            if first or second:
                said = "none before, some now" if second else "some before, none now"
                yield Finding(f"drift of {name}", "warning", said)
            continue
        found, chance = population_stability(first, second), chance_of_stability(first, second)
        outcome: Outcome = "passed"
        gone = _gone(first, second)
        if found >= max(SOME_CHANGE, chance):
            broken = found >= LARGE_CHANGE and gone >= MOST_GONE and name in _STOPPING
            outcome = stop if broken else "warning"
        yield Finding(
            f"drift of {name}",
            outcome,
            f"population stability index {found:.3f} (some change from {SOME_CHANGE}, large from {LARGE_CHANGE}, "
            f"chance below {chance:.3f}), {gone:.1%} gone; before {largest(first, 3)}; now {largest(second, 3)}",
        )
    for name in sorted(now.sizes.keys() & before.sizes.keys()):
        old, new = before.sizes[name], now.sizes[name]
        if not old.count or not new.count:
            continue
        distance, likelihood = kolmogorov_smirnov(
            old.quantiles, new.quantiles, count_before=old.count, count_now=new.count
        )
        differs = distance >= LEAST_DISTANCE and likelihood < CERTAIN
        yield Finding(
            f"drift of {name}",
            "warning" if differs else "passed",
            f"Kolmogorov-Smirnov distance {distance:.3f} (warned of from {LEAST_DISTANCE} at p below {CERTAIN}), "
            f"p {likelihood:.2g}; median {old.quantiles[len(old.quantiles) // 2]:g} before, "
            f"{new.quantiles[len(new.quantiles) // 2]:g} now",
        )


def _gone(before: Mapping[str, int], now: Mapping[str, int]) -> float:
    """In [0, 1]: the part of what was counted before that is not there any more, however much came in beside it.

    >>> _gone({"lamps": 6, "desks": 2}, {"lamps": 6, "desks": 1, "chairs": 90})
    0.125
    """
    return sum(max(0, count - now.get(value, 0)) for value, count in before.items()) / max(sum(before.values()), 1)


_STOPPING = frozenset({"brand", "category", "price band"})
"""Distributions of the products; the others are of what shoppers did, or of what was derived while they had not."""


def _statistics(folder: Path) -> Statistics:
    path = folder / STATISTICS
    try:
        return Statistics.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise VitrineError(f"{folder} has no {STATISTICS}: expected what prepare, or this job, writes") from None
    except ValidationError as error:
        raise VitrineError(f"{path}: {error}") from None


def _about(dataset: Dataset) -> Mapping[str, Any]:
    """What a data set says of itself; nothing where it cannot be read, which `schema` has said by then."""
    try:
        return dataset.report
    except (VitrineError, ValueError):
        return {}


def _sha256(folder: Path) -> str:
    digest = hashlib.sha256()
    for name in HASHED:
        with (folder / name).open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _readable(about: Mapping[str, Any], findings: Sequence[Finding]) -> str:
    outcomes = Counter(finding.outcome for finding in findings)
    lines = [
        "# Data checked before training",
        "",
        f"{about.get('source')}; sha256 {str(about.get('sha256'))[:12]}. "
        f"{outcomes['passed']} checks passed, {outcomes['warning']} warnings, {outcomes['failed']} failed: "
        + ("**not to be trained on.**" if outcomes["failed"] else "it may be trained on."),
        "",
        "| | check | found |",
        "| --- | --- | --- |",
    ]
    for finding in sorted(findings, key=lambda finding: ("failed", "warning", "passed").index(finding.outcome)):
        said = finding.said.replace("|", "\\|").replace("\n", " ")
        lines.append(f"| {finding.outcome} | {finding.check} | {said} |")
    return "\n".join(lines) + "\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sagemaker_jobs.check_data",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--dataset", type=Path, metavar="DIR", help="default: $SM_CHANNEL_DATASET")
    parser.add_argument("--accepted", type=Path, metavar="DIR", help="default: $SM_CHANNEL_ACCEPTED; none without")
    parser.add_argument("--output", type=Path, metavar="DIR", help="default: $SM_MODEL_DIR")
    parser.add_argument("--accept-drift", choices=["yes", "no"], default="no", help="large drift is a warning")
    return parser


if __name__ == "__main__":
    sys.exit(main())
