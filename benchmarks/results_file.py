"""What every benchmark writes: its figures, with when, where and of what they were measured."""

import argparse
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.judgments import FILE as JUDGMENTS
from benchmarks.machine import code_version, describe_machine, sha256_of
from local.folders import LocalFolder
from relevance.release_files import MANIFEST
from sagemaker_jobs.catalogues.icecat import FILE as PRODUCTS
from sagemaker_jobs.folders import PROJECT, data_folder

RESULTS = PROJECT / "benchmarks" / "results"


def read_arguments(description: str | None, parser: argparse.ArgumentParser | None = None) -> argparse.Namespace:
    """`release`, `data`, `results` and `date` of a benchmark's command line, beside what a given parser asks."""
    parser = parser or argparse.ArgumentParser()
    parser.description = description
    parser.add_argument(
        "--release", type=Path, metavar="DIR", help="a built release (default: the local cloud's newest)"
    )
    add_circumstances(parser)
    given = parser.parse_args()
    if given.release is None:
        given.release = _newest_release()
        if given.release is None:
            parser.error("no release was built here: run `make up`, or name one with --release")
    return given


def add_circumstances(parser: argparse.ArgumentParser) -> None:
    """What `write_results` asks of a command line beside a release: `data`, `results` and `date`."""
    parser.add_argument("--data", type=Path, default=data_folder(), metavar="DIR", help="default: $VITRINE_DATA")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="DIR", help="where the JSON is written")
    parser.add_argument("--date", default=datetime.now(UTC).date().isoformat(), help="of the measurement")


def write_results(
    name: str, given: argparse.Namespace, figures: dict[str, Any], *, data: Sequence[str] = (PRODUCTS, JUDGMENTS)
) -> Path:
    """Write `<name>.json` with the figures behind their circumstances; returns its path.

    Args:
        name: Of the benchmark.
        given: Of `read_arguments`, or of a parser with `add_circumstances`; then no release is described.
        figures: What was measured.
        data: Which files of the data's folder were read.
    """
    circumstances: dict[str, Any] = {
        "date": given.date,
        "code": code_version(PROJECT),
        "machine": describe_machine(),
        "data_sha256": sha256_of(given.data / file for file in data),
    }
    if "release" in given:
        manifest = json.loads((given.release / MANIFEST).read_text())
        described = ("release_id", "products", "encoder_id", "ranker_id")
        circumstances["release"] = {name: manifest[name] for name in described}
    given.results.mkdir(parents=True, exist_ok=True)
    path: Path = given.results / f"{name}.json"
    path.write_text(json.dumps(circumstances | figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def _newest_release() -> Path | None:
    made = LocalFolder.from_environment().releases.glob(f"*/{MANIFEST}")
    return max((path.parent for path in made), key=lambda folder: (folder / MANIFEST).stat().st_mtime, default=None)
