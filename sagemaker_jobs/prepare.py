"""Make the data set that every other job of training reads, out of a catalogue and of what shoppers did."""

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from relevance.catalogue import Catalogue, read_catalogue
from relevance.errors import VitrineError
from sagemaker_jobs import dataset
from sagemaker_jobs.dataset import jsonl
from sagemaker_jobs.derived_lessons import derive_lessons
from sagemaker_jobs.folders import channel, model_folder
from sagemaker_jobs.job import run, say

QUERIES = 8000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job; returns the exit status."""
    return run("prepare", _job, arguments)


def _job(arguments: Sequence[str] | None) -> None:
    given = _parser().parse_args(arguments)
    folder = given.catalogue or channel("catalogue")
    output = given.output or model_folder()
    catalogue = _catalogue(folder)
    lessons = derive_lessons(catalogue.products, given.queries, seed=given.seed, say=say)
    lines = {
        dataset.PRODUCTS: (
            json.dumps(p.record(), ensure_ascii=False, separators=(",", ":")) + "\n" for p in catalogue.products
        ),
        dataset.QUERIES: jsonl(lessons.queries),
        dataset.PAIRS: jsonl(lessons.pairs),
        dataset.IMPRESSIONS: iter(()),
        dataset.BASKETS: iter(()),
    }
    output.mkdir(parents=True, exist_ok=True)
    sha = hashlib.sha256()
    for name, content in lines.items():
        with (output / name).open("wb") as file:
            for line in content:
                raw = line.encode()
                sha.update(raw)
                file.write(raw)
    report = json.loads((folder / "report.json").read_text())
    (output / "statistics.json").write_text("{}")
    (output / "report.json").write_text(json.dumps({"source": report["source"], "sha256": sha.hexdigest()}, indent=1))
    say(f"{output}")


def _catalogue(folder: Path) -> Catalogue:
    try:
        with (folder / "products.jsonl").open("rb") as file:
            return read_catalogue(file)
    except FileNotFoundError:
        raise VitrineError(f"{folder} has no products.jsonl") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sagemaker_jobs.prepare", description=__doc__)
    parser.add_argument("--catalogue", type=Path, metavar="DIR", help="default: $SM_CHANNEL_CATALOGUE")
    parser.add_argument("--output", type=Path, metavar="DIR", help="default: $SM_MODEL_DIR")
    parser.add_argument("--queries", type=int, default=QUERIES)
    parser.add_argument("--seed", type=int, default=1)
    return parser


if __name__ == "__main__":
    sys.exit(main())
