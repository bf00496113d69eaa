"""A shop's training log, read and cleaned: pages that were shown, and what shoppers then did with the products on them.

The key that lets a browser send events is public, so nothing in a log is believed for its own sake: an action counts
only if a page of that search was shown to that shopper with that product on it. Machines are left out, and nobody
counts more than a few times for one query.
"""

import gzip
import lzma
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

from pydantic import ValidationError

from relevance.complaints import complaints, expectations
from relevance.contracts.events import Event
from relevance.contracts.training import BasketLine
from relevance.errors import VitrineError
from relevance.text import normalise

GAINS: Mapping[str, float] = MappingProxyType(
    {
        "ProductClicked": 0.3,
        "ProductViewed": 0.3,
        "ProductFavourited": 0.5,
        "ProductAddedToCart": 0.6,
        "ProductPurchased": 1.0,
    }
)
"""What an action says of a product as an answer, in (0, 1]; of several, the strongest counts once."""

ENDINGS = (".jsonl", ".jsonl.gz", ".jsonl.xz")
CLOCKS_DIFFER = timedelta(minutes=5)
"""A browser's clock may be so far behind the server's."""
ACTED_WITHIN = timedelta(days=7)
"""An action that comes later is no answer to the page."""
MOST_A_MINUTE = 30
"""Events of one shopper; who has more in any minute is a machine."""
MOST_A_DAY = 1000
"""Events of one shopper; who has more on any day is a machine."""
MOST_PAGES_OF_A_QUERY = 5
"""Pages that one shopper was shown for one query: the first ones count, the others say nothing new."""
NAMED_LINES = 100

_EXPECTED = expectations(Event)


@dataclass(frozen=True)
class Page:
    """Products shown for a query, and the strongest thing that was done with each."""

    query_id: str
    text: str
    """Normalised."""
    language: str | None
    at: datetime
    shopper: str
    first_place: int
    product_ids: tuple[str, ...]
    gains: tuple[float, ...]
    """Of each product, in [0, 1]: 0 where nothing was done with it."""


@dataclass
class ShoppingLog:
    """What is left of a log, in the order of time."""

    pages: Sequence[Page] = ()
    baskets: Sequence[BasketLine] = ()
    counts: Counter[str] = field(default_factory=Counter)
    """How many lines and events were read, kept, and left out for what reason."""
    bad_lines: Sequence[Mapping[str, Any]] = ()
    """The first NAMED_LINES that hold no event: file, line, why."""


def read_log(folder: Path) -> ShoppingLog:
    """Read every `.jsonl` file in a folder and its folders, packed by gzip or xz or not.

    Raises:
        VitrineError: If the folder holds no such file, or one that is packed cannot be unpacked.
    """
    counts: Counter[str] = Counter()
    bad_lines: list[Mapping[str, Any]] = []
    events = _without_machines(list(_distinct(_events(folder, counts, bad_lines), counts)), counts)
    events.sort(key=lambda event: (event.at, event.event_id))
    pages = _pages(events, counts)
    return ShoppingLog(pages, _baskets(events), counts, bad_lines)


def lines_of(folder: Path) -> Iterator[tuple[str, int, bytes]]:
    """File, number and content of every line that is not blank, files in the order of their names.

    Raises:
        VitrineError: If the folder holds no JSON lines, or what is packed cannot be unpacked.
    """
    files = sorted(path for path in folder.rglob("*") if path.name.endswith(ENDINGS) and path.is_file())
    if not files:
        raise VitrineError(f"{folder} holds no {', '.join(ENDINGS)}: expected at least one file of JSON lines")
    for path in files:
        try:
            with opened(path) as file:
                for number, line in enumerate(file, start=1):
                    if line.strip():
                        yield path.relative_to(folder).as_posix(), number, line
        except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
            raise VitrineError(f"{path} cannot be unpacked: {error}") from error


def opened(path: Path) -> IO[bytes] | gzip.GzipFile | lzma.LZMAFile:
    """A file to read, unpacked on the way where its name says that it is packed."""
    if path.suffix == ".gz":
        return gzip.open(path)
    return lzma.open(path) if path.suffix == ".xz" else path.open("rb")


def _events(folder: Path, counts: Counter[str], bad_lines: list[Mapping[str, Any]]) -> Iterator[Event]:
    for name, number, line in lines_of(folder):
        counts["lines"] += 1
        try:
            yield Event.model_validate_json(line)
        except ValidationError as error:
            counts["bad lines"] += 1
            if len(bad_lines) < NAMED_LINES:
                bad_lines.append({"file": name, "line": number, "text": "; ".join(complaints(error, _EXPECTED))})


def _distinct(events: Iterator[Event], counts: Counter[str]) -> Iterator[Event]:
    """Delivery is at least once."""
    seen: set[str] = set()
    for event in events:
        if event.event_id in seen:
            counts["events delivered again"] += 1
            continue
        seen.add(event.event_id)
        yield event


def _without_machines(events: list[Event], counts: Counter[str]) -> list[Event]:
    each_minute = Counter((event.shopper, event.at.replace(second=0, microsecond=0)) for event in events)
    each_day = Counter((event.shopper, event.at.date()) for event in events)
    machines = {shopper for (shopper, _), count in each_minute.items() if count > MOST_A_MINUTE}
    machines |= {shopper for (shopper, _), count in each_day.items() if count > MOST_A_DAY}
    kept = [event for event in events if event.shopper not in machines]
    counts["events"] = len(kept)
    counts["machines"] = len(machines)
    counts["events of machines"] = len(events) - len(kept)
    return kept


def _pages(events: Sequence[Event], counts: Counter[str]) -> list[Page]:
    """Each page with what came of it; actions that no page explains are counted and left out."""
    shown: dict[str, list[Event]] = defaultdict(list)
    pages_of: Counter[tuple[str, str]] = Counter()
    for event in events:
        text = normalise(event.query or "")
        if event.kind != "ProductsShown" or event.query_id is None or not text:
            continue  # a page without a query is a shelf: it answers nothing
        pages_of[event.shopper, text] += 1
        if pages_of[event.shopper, text] > MOST_PAGES_OF_A_QUERY:
            counts["pages beyond what a shopper counts"] += 1
            continue
        shown[event.query_id].append(event)
    gains: dict[tuple[str, str], float] = {}
    for event in events:
        if event.kind in GAINS and event.query_id is not None and event.product_id is not None:
            page = _shown_on(event, shown[event.query_id]) if event.query_id in shown else None
            if page is None:
                counts["actions without a page"] += 1
                continue
            counts["actions"] += 1
            done = (page.event_id, event.product_id)
            gains[done] = max(gains.get(done, 0.0), GAINS[event.kind])
    pages = [
        Page(
            query_id=event.query_id or "",
            text=normalise(event.query or ""),
            language=event.language,
            at=event.at,
            shopper=event.shopper,
            first_place=event.position,
            product_ids=event.product_ids,
            gains=tuple(gains.get((event.event_id, product_id), 0.0) for product_id in event.product_ids),
        )
        for of_search in shown.values()
        for event in of_search
    ]
    counts["pages"] = len(pages)
    return sorted(pages, key=lambda page: (page.at, page.query_id, page.first_place))


def _shown_on(action: Event, pages: Sequence[Event]) -> Event | None:
    for page in pages:
        if (
            page.shopper == action.shopper
            and action.product_id in page.product_ids
            and page.at - CLOCKS_DIFFER <= action.at <= page.at + ACTED_WITHIN
        ):
            return page
    return None


def _baskets(events: Sequence[Event]) -> list[BasketLine]:
    """What each shopper bought at one time: by order, or where none is named, by moment."""
    bought: dict[tuple[str, str], list[Event]] = defaultdict(list)
    for event in events:
        if event.kind == "ProductPurchased":
            bought[event.shopper, event.order_id or event.at.isoformat()].append(event)
    baskets = [
        BasketLine(
            shopper=shopper,
            at=of_order[0].at,
            product_ids=tuple(dict.fromkeys(event.product_id for event in of_order if event.product_id)),
        )
        for (shopper, _), of_order in bought.items()
    ]
    return sorted(baskets, key=lambda basket: (basket.at, basket.shopper, basket.product_ids))
