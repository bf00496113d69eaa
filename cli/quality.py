"""`vitrine quality` and `vitrine judgments`: what search is worth now, and people's ratings that say so."""

import argparse
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cli.local_stage import reach_stage
from functions.aws.quality_store import QualityStore
from functions.aws.stacks import stack_output
from functions.monitor_quality.check import check_quality, window_before
from functions.monitor_quality.settings import QualitySettings
from local.cloud import STAGE
from relevance.judgments import read_judgments, usable
from relevance.quality_report import as_markdown


def show_quality(given: argparse.Namespace) -> None:
    """Make the same check as the stage's own watch, up to this moment, and print it; no report is written."""
    reach_stage(given.stage)
    now = datetime.now(UTC).replace(microsecond=0)
    # the log's last second may still be on its way
    window = window_before(now + timedelta(seconds=1), given.minutes)
    print(as_markdown(check_quality(_settings(given), window, now=now).report), end="")


def put_judgments(given: argparse.Namespace) -> None:
    """Replace the judgments that a stage is measured by."""
    judgments = read_judgments(given.file)
    reach_stage(given.stage)
    where = QualityStore(stack_output(given.stage, "storage", "ReleaseBucket")).put_judgments(judgments)
    ratings = sum(map(len, judgments.values()))
    print(f"{len(judgments):,} queries with {ratings:,} ratings in {where}")
    if unusable := len(judgments) - len(usable(judgments)):
        print(f"{unusable:,} of them have no product rated 1 or more, and are not asked")


def add_quality_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Tell the command line of them."""
    showing = commands.add_parser("quality", help="how good search is now, and whether shoppers ask something else")
    showing.add_argument("--stage", default=STAGE, help=f"such as dev; default: {STAGE}")
    showing.add_argument("--index", default="products", help="default: products")
    showing.add_argument("--minutes", type=int, default=60, metavar="N", help="of the log that is read (default: 60)")
    showing.add_argument("--queries", type=int, default=200, metavar="N", help="judged ones at most (default: 200)")
    showing.set_defaults(command=show_quality)
    judging = commands.add_parser("judgments", help="people's ratings of products for queries").add_subparsers(
        required=True, metavar="ACTION"
    )
    putting = judging.add_parser("put", help="replace those that a stage is measured by")
    putting.add_argument("file", type=Path, help="a table (.csv) or JSON lines (.jsonl): query, product_id, rating")
    putting.add_argument("--stage", default=STAGE, help=f"such as dev; default: {STAGE}")
    putting.set_defaults(command=put_judgments)


def _settings(given: argparse.Namespace) -> QualitySettings:
    """What the stage's own function is told by its stack."""
    stage = given.stage
    return QualitySettings(
        release_bucket=stack_output(stage, "storage", "ReleaseBucket"),
        pointer_table=stack_output(stage, "storage", "PointerTable"),
        index_name=given.index,
        key_parameter=f"/vitrine/{stage}/keys",
        api_address=stack_output(stage, "search", "ApiAddress"),
        api_id=stack_output(stage, "search", "ApiId"),
        log_group=f"/vitrine/{stage}/assemble_results",
        most_queries=given.queries,
    )
