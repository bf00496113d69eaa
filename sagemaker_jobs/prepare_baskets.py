"""Write a shop's past purchases as `prepare` reads them (channel `baskets`): one line for each basket, by time.

    python -m sagemaker_jobs.prepare_baskets --shop online_retail --output DIR

Writes `baskets.jsonl` (`BasketLine`: shopper, time, distinct products) and `report.json`. Product ids are those of the
catalogue that `prepare_catalogue` writes for the same shop. Left out are cancellations, what is no product (postage,
fees, samples) and what nobody is known to have bought.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from relevance.errors import VitrineError
from sagemaker_jobs.catalogues import complete_journey, online_retail
from sagemaker_jobs.catalogues.purchases import Purchase, baskets_of
from sagemaker_jobs.dataset import BASKETS, REPORT, jsonl
from sagemaker_jobs.folders import FolderMissing, data_folder, output_folder
from sagemaker_jobs.job import replace_file, run, say
from sagemaker_jobs.prepare_catalogue import SHOPS


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job; returns the exit status."""
    return run("prepare_baskets", _job, arguments)


def _job(arguments: Sequence[str] | None) -> None:
    given = _parser().parse_args(arguments)
    purchases = _purchases(given.shop, given.data)
    baskets = baskets_of(purchases)
    if not baskets:
        raise VitrineError(f"{given.shop}: no purchase of a known shopper: expected at least one")
    output = given.output or output_folder()
    content = "".join(jsonl(baskets)).encode()
    report = {
        "source": SHOPS[given.shop],
        "baskets": len(baskets),
        "shoppers": len({basket.shopper for basket in baskets}),
        "products": len({product_id for basket in baskets for product_id in basket.product_ids}),
        "first": baskets[0].at.isoformat(),
        "last": baskets[-1].at.isoformat(),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    replace_file(output / BASKETS, content)
    replace_file(output / REPORT, json.dumps(report, indent=1).encode() + b"\n")
    say(f"{len(baskets):,} baskets of {report['shoppers']:,} shoppers from {report['source']}")


def _purchases(shop: str, data: Path | None) -> list[Purchase]:
    if shop == "complete_journey":
        return list(complete_journey.purchases(data))
    folder = data or data_folder()
    if not (folder / online_retail.FILE).is_file():
        raise FolderMissing(
            f"{folder / online_retail.FILE} is not there: name the data's folder (--data or VITRINE_DATA)"
        )
    return list(online_retail.purchases(folder))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sagemaker_jobs.prepare_baskets", description=__doc__)
    parser.add_argument("--shop", choices=["online_retail", "complete_journey"], required=True)
    parser.add_argument("--data", type=Path, metavar="DIR", help="where data sets lie (default: $VITRINE_DATA)")
    parser.add_argument("--output", type=Path, metavar="DIR", help="default: $SM_OUTPUT_DATA_DIR")
    return parser


if __name__ == "__main__":
    sys.exit(main())
