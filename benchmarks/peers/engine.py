"""What every engine is asked for, and which engines there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from relevance.contracts.products import Product

DEPTH = 100
"""How many products of each list are fused."""


class Engine(Protocol):
    """A search over one catalogue, opened in a process of its own."""

    outside_ms: float
    """Of the last search: what went into handing it to another process, and is not the engine's."""

    def search(self, query: str, k: int) -> Sequence[str]:
        """At most k product ids, best first."""


class Peer(Protocol):
    """The module of one engine."""

    def build(self, products: Sequence[Product], folder: Path) -> None:
        """Write into `folder` what can be kept; what an engine builds on lies beside it, under its name."""

    def ready(self, folder: Path) -> Engine:
        """Open what was built."""


@dataclass(frozen=True)
class Entry:
    """One engine of the comparison."""

    name: str
    title: str
    module: str
    """In this package; an engine whose module ends in .mjs runs in node."""
    builds_on: tuple[str, ...] = ()
    """Engines whose built files it reads; they stand before it."""
    own_files: bool = True
    """Whether it also builds files of its own."""
    queries: int = 2000
    """How many are timed; a slow engine is asked fewer."""
    page_alone: bool = False
    """Whether it answers a page of 20 beside a simulated AWS: timed, but neither judged nor weighed."""


ENTRIES = (
    Entry("bm25", "BM25, tantivy, one text", "bm25_text"),
    Entry("bm25_fields", "BM25, tantivy, title twice", "bm25_fields"),
    Entry("bm25s", "BM25, bm25s", "bm25_bm25s"),
    Entry("minilm", "MiniLM, faiss", "minilm"),
    Entry("fusion", "BM25 + MiniLM, fused by rank", "fusion", ("bm25", "minilm"), own_files=False),
    Entry("orama", "Orama, full text", "orama.mjs", queries=1000),
    Entry("orama_hybrid", "Orama, hybrid", "orama_hybrid", ("minilm",), queries=500),
    Entry("pipeline", "Python pipeline, LightGBM", "pipeline", ("bm25s", "minilm"), queries=500),
    Entry("vitrine", "Vitrine", "vitrine"),
    Entry(
        "vitrine_front_door",
        "Vitrine, in the handler",
        "vitrine_front_door",
        ("vitrine",),
        own_files=False,
        page_alone=True,
    ),
)

BASELINE = "bm25"


def entry(name: str) -> Entry:
    """The engine of that name.

    Raises:
        ValueError: If there is none.
    """
    found = next((each for each in ENTRIES if each.name == name), None)
    if found is None:
        raise ValueError(f"engine {name!r}: expected one of {', '.join(each.name for each in ENTRIES)}")
    return found


def peer(name: str) -> Peer:
    """The module of an engine that runs in Python; imports its packages."""
    return cast(Peer, _module(name))


def _module(name: str) -> Any:
    return import_module(f"benchmarks.peers.{entry(name).module}")
