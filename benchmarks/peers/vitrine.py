"""Vitrine in process: a whole search with records and highlighting, as `relevance.search.search` answers it."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from relevance.contracts.api import SearchParameters
from relevance.contracts.products import Product
from relevance.release import open_release
from relevance.search import InProcess, search

RELEASES = "releases"


def build(products: Sequence[Product], folder: Path) -> None:
    """Build a release with the models that ship, every product encoded anew."""
    from sagemaker_jobs.build_release import ARTEFACTS, build_release

    shutil.rmtree(folder / RELEASES, ignore_errors=True)
    build_release(products, ARTEFACTS, folder / RELEASES, described="Icecat", say=print, threads=1)


def release_in(folder: Path) -> Path:
    """The one release that `build` wrote."""
    (release,) = (folder / RELEASES).glob("*/manifest.json")
    return release.parent


def ready(folder: Path) -> "Vitrine":
    """Open the release."""
    return Vitrine(folder)


class Vitrine:
    """All four stages in one process."""

    outside_ms = 0.0

    def __init__(self, folder: Path) -> None:
        """`folder` as `build` wrote it."""
        self._release = open_release(release_in(folder))
        self._stages = InProcess(self._release)

    def search(self, query: str, k: int) -> list[str]:
        """At most k product ids, best first."""
        answer = search(
            SearchParameters(query=query, hits_per_page=k),
            self._release,
            self._stages,
            query_id="0" * 32,
            index_name="products",
        )
        if answer.degraded:
            raise RuntimeError(f"{query!r} went without {answer.degraded}")
        return [hit["objectID"] for hit in answer.hits]
