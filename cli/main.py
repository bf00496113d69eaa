"""The `vitrine` command: ask a running shop, publish releases, move its catalogue, price it, rotate its keys."""

import argparse
import json
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cli.bill import add_bill_command
from cli.catalogue import add_catalogue_commands
from cli.keys import add_key_commands
from cli.quality import add_quality_commands
from functions.aws.old_releases import delete_old_releases
from functions.aws.release_store import publish_release
from relevance.errors import VitrineError
from relevance.release import open_release

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


def check_release(given: argparse.Namespace) -> None:
    """Open a release as a function would, and say what it is."""
    manifest = open_release(given.folder).manifest
    size_mb = sum(entry.size_bytes for entry in manifest.files.values()) / 1e6
    print(f"release   {manifest.release_id}, {len(manifest.files)} files, {size_mb:.0f} MB, every one as promised")
    print(f"catalogue {manifest.catalogue}")
    print(f"encoder   {manifest.encoder_id or 'none: searches go by words'}")
    print(f"ranker    {manifest.ranker_id or 'none: the fused order stands'}")


def publish(given: argparse.Namespace) -> None:
    """Check, upload and point: the release is live when this returns, and open everywhere within half a minute."""
    open_release(given.folder)
    print(f"live: {publish_release(given.folder, given.bucket, given.table, given.index)}")


def prune(given: argparse.Namespace) -> None:
    """Delete old releases, and say which; a deleted one can be brought back for as long as the stage keeps versions."""
    if given.keep < 1:
        raise VitrineError(f"--keep is {given.keep}: expected at least 1")
    deleted = delete_old_releases(given.bucket, given.table, given.keep)
    print("\n".join(f"deleted: {release_id}" for release_id in deleted) or "no release is old enough")


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

    release = commands.add_parser("release", help="check, publish or delete releases").add_subparsers(
        required=True, metavar="ACTION"
    )
    checking = release.add_parser("check", help="open it as a function would")
    checking.add_argument("folder", type=Path)
    checking.set_defaults(command=check_release)
    publishing = release.add_parser("publish", help="upload it and make it live")
    publishing.add_argument("folder", type=Path)
    publishing.add_argument("--index", default="products", help="default: products")
    publishing.set_defaults(command=publish)
    pruning = release.add_parser("prune", help="delete old ones, but none that is in use")
    pruning.add_argument("--keep", type=int, default=5, metavar="N", help="of the newest; default: 5")
    pruning.set_defaults(command=prune)
    for action in (publishing, pruning):
        action.add_argument("--bucket", required=True, help="the storage stack's output ReleaseBucket")
        action.add_argument("--table", required=True, help="the storage stack's output PointerTable")

    add_key_commands(commands)
    add_catalogue_commands(commands)
    add_bill_command(commands)
    add_quality_commands(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
