"""The `vitrine` command: ask a running shop, publish its releases, move its catalogue, price it, rotate its keys."""

import argparse
import json
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any

from cli.bill import add_bill_command
from cli.catalogue import add_catalogue_commands
from cli.keys import add_key_commands
from cli.quality import add_quality_commands
from cli.releases import add_release_commands
from cli.retraining import add_retrain_command
from relevance.errors import VitrineError

LOCAL_ADDRESS = "http://127.0.0.1:8108"
LOCAL_KEY = "local-search"
_TIMEOUT_SECONDS = 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, or 1 with the reason on standard error."""
    given = _parser().parse_args(arguments)
    try:
        given.command(given)
    except (VitrineError, OSError) as error:
        print(f"vitrine: {error}", file=sys.stderr)
        return 1
    return 0


def search(given: argparse.Namespace) -> None:
    """Print the first hits of a query, and how the answer came about."""
    answer = _ask(given.address, given.key, {"query": given.query, "hitsPerPage": given.hits})
    if "correctedQuery" in answer:
        print(f"searched for: {answer['correctedQuery']}")
    for place, hit in enumerate(answer["hits"], start=1):
        price = f"  {hit['price']:.2f} {hit.get('currency', '')}" if hit.get("price") is not None else ""
        print(f"{place:>3}  {hit['title']}{price.rstrip()}  [{hit['objectID']}]")
    lost = f", without {', '.join(answer['degraded'])}" if answer["degraded"] else ""
    print(
        f"{answer['nbHits']:,} products, {answer['processingTimeMS']} ms, release {answer['release']}, "
        f"rung {answer['rung']}{lost}"
    )
    for warning in answer["warnings"]:
        print(f"warning: {warning}")


def _ask(address: str, key: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{address}/1/indexes/products/query",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "X-Algolia-API-Key": key},
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:
            read: dict[str, Any] = json.load(answer)
            return read
    except urllib.error.HTTPError as refused:
        raise VitrineError(f"{address} answered {refused.code}: {refused.read().decode(errors='replace')}") from None
    except urllib.error.URLError as failed:
        raise VitrineError(f"{address} does not answer ({failed.reason}); `make up` starts a shop here") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="vitrine", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    asking = commands.add_parser("search", help="ask a running shop")
    asking.add_argument("query")
    asking.add_argument("--hits", type=int, default=10, metavar="N")
    asking.add_argument("--address", default=LOCAL_ADDRESS, help=f"default: {LOCAL_ADDRESS}")
    asking.add_argument("--key", default=LOCAL_KEY, help="default: the local shop's search key")
    asking.set_defaults(command=search)

    add_release_commands(commands)
    add_key_commands(commands)
    add_catalogue_commands(commands)
    add_bill_command(commands)
    add_retrain_command(commands)
    add_quality_commands(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
