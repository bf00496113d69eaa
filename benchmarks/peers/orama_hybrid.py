"""Orama's hybrid mode: its full text and MiniLM's vectors, weighed half and half, in node; the encoder in Python."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import IO, Any, cast

from benchmarks.peers.minilm import MiniLm
from relevance.contracts.products import Product

_SCRIPT = Path(__file__).parent / "orama.mjs"


def build(products: Sequence[Product], folder: Path) -> None:
    """Hand products with the vectors that lie beside this folder to node."""
    minilm = MiniLm(folder.parent / "minilm")
    lines = (
        json.dumps(
            {
                "objectID": product.product_id,
                "title": product.title,
                "brand": product.brand,
                "description": product.description,
                "vector": minilm.index.reconstruct(row).tolist(),
            }
        )
        for row, product in enumerate(products)
    )
    subprocess.run(["node", str(_SCRIPT), "build", str(folder)], input="\n".join(lines), text=True, check=True)


def ready(folder: Path) -> "OramaHybrid":
    """Start node, load the model meanwhile."""
    return OramaHybrid(folder)


class OramaHybrid:
    """A query's time is that of the encoder here and of the search in node, without the way between the two."""

    def __init__(self, folder: Path) -> None:
        """`folder` as `build` wrote it."""
        self.outside_ms = 0.0
        self._node = subprocess.Popen(
            ["node", str(_SCRIPT), "ready", str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._minilm = MiniLm(folder.parent / "minilm")
        # Orama holds the vectors here.
        self._minilm.index.reset()
        self._line()

    def search(self, query: str, k: int) -> list[str]:
        """At most k product ids, best first."""
        vector = self._minilm.encode(query).tolist()
        begun = perf_counter()
        asked = cast(IO[str], self._node.stdin)
        asked.write(json.dumps({"queries": [query], "vectors": [vector], "k": k}) + "\n")
        asked.flush()
        (answer,) = self._line()["answers"]
        self.outside_ms = (perf_counter() - begun) * 1e3 - answer["ms"]
        return cast(list[str], answer["ids"])

    def _line(self) -> Any:
        line = cast(IO[str], self._node.stdout).readline()
        if not line:
            raise RuntimeError(f"node ended with {self._node.wait()}: see what it said above")
        return json.loads(line)
