"""Hold a release against the live one and the list of objectives, and write the verdict into its manifest.

    python -m sagemaker_jobs.evaluate --candidate DIR --live DIR --dataset DIR --judgments DIR --output DIR

Channels `candidate` (of export), `dataset` (of prepare), and where they are there `live` (a release's folder, or one
that holds it) and `judgments` (`judgments.csv`: query, product_id, rating from 0 to 3). Without a live release only the
absolute limits decide. Writes

    <release_id>/     the candidate as it was, with `verdict` in its manifest and the `baseline/` of its traffic
    evaluation.json   every figure: `quality`, `segments`, `exposure`, `latency`, `megabytes`, `verdict`; `by_query`
                      with each query's nDCG@10 (`candidate`, `live`); `curves`, a list with `data`, `release`,
                      `roc_auc`, `average_precision`, and points `roc` (false and true positive rate) and `pr` (recall,
                      precision)
    evaluation.md     the same to read

and tells `gate:passed`, 1 or 0. It ends with 0 whatever the verdict, with 1 and the cause where there is none.
"""

import argparse
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from relevance.errors import ReleaseRefused, VitrineError
from relevance.judgments import FILE, read_judgments, usable
from relevance.release import Release, open_release
from sagemaker_jobs.baseline import Made, make_baseline
from sagemaker_jobs.dataset import Dataset
from sagemaker_jobs.evaluation import TEST, Evaluation, evaluate
from sagemaker_jobs.evaluation_report import as_markdown
from sagemaker_jobs.folders import channel, model_folder, optional_channel
from sagemaker_jobs.job import measured, replace_file, run, say
from sagemaker_jobs.release_copies import copied, release_in

EVALUATION, PAGE = "evaluation.json", "evaluation.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job; returns the exit status."""
    return run("evaluate", _job, arguments)


def _job(arguments: Sequence[str] | None) -> None:
    given = _parser().parse_args(arguments)
    candidate = release_in(given.candidate or channel("candidate"))
    live = optional_channel("live", given.live)
    judgments = optional_channel("judgments", given.judgments)
    output = given.output or model_folder()
    opened, dataset = _opened(candidate, "candidate"), Dataset(given.dataset or channel("dataset"))
    found = evaluate(
        opened,
        None if live is None else _opened(release_in(live), "live"),
        dataset,
        {} if judgments is None else usable(read_judgments(judgments / FILE)),
        seed=given.seed,
        say=say,
    )
    write(found, candidate, output, make_baseline(opened, dataset, seed=given.seed, say=say))
    for check in found.verdict.checks:
        say(f"{'kept' if check.passed else 'MISSED'}: {check.objective}: {check.reason}")
    quality = found.figures["quality"][TEST]
    for name in ("candidate", "live"):
        if name in quality:
            measured("test:ndcg10" if name == "candidate" else "test:ndcg10_live", quality[name]["ndcg10"])
    measured("gate:passed", int(found.verdict.passed))
    print(output / candidate.name)


def write(found: Evaluation, candidate: Path, output: Path, baseline: Made | None = None) -> None:
    """What the job leaves; the release comes last, so that where there is one the evaluation lies beside it."""
    output.mkdir(parents=True, exist_ok=True)
    content = json.dumps(_without_nan(found.figures), ensure_ascii=False, allow_nan=False, indent=1)
    replace_file(output / EVALUATION, content.encode() + b"\n")
    replace_file(output / PAGE, as_markdown(found).encode())
    copied(candidate, output, verdict=found.verdict, adding=None if baseline is None else baseline.write)


def _opened(folder: Path, which: str) -> Release:
    """Open a release that remembers no query, so that none is answered faster than a shopper's first."""
    try:
        return open_release(folder, remembered=0)
    except ReleaseRefused as error:
        raise VitrineError(f"the {which} release cannot be asked by this code: {error}") from error


def _without_nan(value: Any) -> Any:
    """JSON knows no NaN: what could not be measured is null."""
    if isinstance(value, dict):
        return {name: _without_nan(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sagemaker_jobs.evaluate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for name in ("candidate", "dataset"):
        parser.add_argument(f"--{name}", type=Path, metavar="DIR", help=f"default: $SM_CHANNEL_{name.upper()}")
    for name in ("live", "judgments"):
        parser.add_argument(f"--{name}", type=Path, metavar="DIR", help=f"default: $SM_CHANNEL_{name.upper()}, or none")
    parser.add_argument("--output", type=Path, metavar="DIR", help="default: $SM_MODEL_DIR")
    parser.add_argument("--seed", type=int, default=1, help="of all that is drawn (default: 1)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
