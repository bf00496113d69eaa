"""Vitrine behind its front door: the search function called as Lambda calls it, over a simulated AWS."""

import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.front_door import front_door
from benchmarks.peers.vitrine import release_in
from relevance.contracts.products import Product


def build(products: Sequence[Product], folder: Path) -> None:
    """Nothing of its own."""


def ready(folder: Path) -> "FrontDoor":
    """Open the release that lies beside this folder."""
    return FrontDoor(folder.parent / "vitrine")


class FrontDoor:
    """A page of 20 whatever k is: what a shopper's browser is answered."""

    outside_ms = 0.0

    def __init__(self, folder: Path) -> None:
        """`folder` as Vitrine's `build` wrote it."""
        self._open = ExitStack()
        self._ask = self._open.enter_context(front_door(release_in(folder)))

    def search(self, query: str, k: int) -> list[str]:
        """The page's product ids, best first."""
        return [hit["objectID"] for hit in json.loads(self._ask(query))["hits"]]
