import gzip
import json

import pytest

from relevance.errors import VitrineError
from sagemaker_jobs.shopping_log import MOST_A_MINUTE, MOST_PAGES_OF_A_QUERY, read_log


def a_page(number=1, *, query="desk lamp", products=("a", "b", "c"), shopper="s1", minute=0, **fields):
    return {
        "event_id": f"page{number}",
        "kind": "ProductsShown",
        "at": f"2026-09-01T10:{minute:02}:00Z",
        "shopper": shopper,
        "query_id": f"search{number}",
        "query": query,
        "product_ids": list(products),
    } | fields


def an_action(kind="ProductClicked", product="b", *, number=1, shopper="s1", minute=1, event_id=None, **fields):
    return {
        "event_id": event_id or f"{kind}{number}{product}",
        "kind": kind,
        "at": f"2026-09-01T10:{minute:02}:00Z",
        "shopper": shopper,
        "query_id": f"search{number}",
        "product_id": product,
    } | fields


@pytest.fixture
def log_of(tmp_path):
    def read(*events):
        lines = [event if isinstance(event, str) else json.dumps(event) for event in events]
        (tmp_path / "day.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return read_log(tmp_path)

    return read


def test_a_page_carries_what_was_done_with_each_of_its_products(log_of):
    log = log_of(a_page(), an_action("ProductPurchased", "c"), an_action("ProductClicked", "b"))

    (page,) = log.pages
    assert page.text == "desk lamp"
    assert page.product_ids == ("a", "b", "c")
    assert page.gains == (0, 0.3, 1.0)


def test_the_strongest_of_several_actions_counts_once(log_of):
    log = log_of(a_page(), *[an_action(kind) for kind in ("ProductClicked", "ProductPurchased", "ProductAddedToCart")])

    assert log.pages[0].gains == (0, 1.0, 0)


def test_an_event_that_was_delivered_twice_counts_once(log_of):
    log = log_of(a_page(), a_page(), an_action(), an_action())

    assert len(log.pages) == 1
    assert log.counts["events delivered again"] == 2
    assert log.counts["actions"] == 1


@pytest.mark.parametrize(
    "invented",
    [
        an_action(product="never shown"),
        an_action(number=2),
        an_action(shopper="another"),
        an_action(at="2026-09-01T09:00:00Z"),
        an_action(at="2026-09-20T10:00:00Z"),
    ],
    ids=["another product", "another search", "another shopper", "before the page", "weeks after it"],
)
def test_an_action_that_no_page_explains_is_no_label(log_of, invented):
    log = log_of(a_page(), invented)

    assert log.pages[0].gains == (0, 0, 0)
    assert log.counts["actions without a page"] == 1


def test_a_shopper_faster_than_any_person_is_left_out_with_all_events(log_of):
    quick = [a_page(number, shopper="machine", minute=5) for number in range(MOST_A_MINUTE + 1)]

    log = log_of(a_page(99), *quick)

    assert [page.shopper for page in log.pages] == ["s1"]
    assert log.counts["machines"] == 1
    assert log.counts["events of machines"] == MOST_A_MINUTE + 1


def test_one_shopper_counts_a_few_times_for_one_query(log_of):
    again = [a_page(number, minute=number) for number in range(MOST_PAGES_OF_A_QUERY + 4)]

    log = log_of(*again, a_page(50, shopper="s2"))

    assert [page.shopper for page in log.pages].count("s1") == MOST_PAGES_OF_A_QUERY
    assert log.counts["pages beyond what a shopper counts"] == 4


def test_bad_lines_are_counted_and_named_and_the_rest_is_kept(log_of):
    log = log_of(a_page(), "{not json", json.dumps(a_page(2) | {"at": "yesterday"}), an_action())

    assert len(log.pages) == 1
    assert log.counts["bad lines"] == 2
    assert [(bad["file"], bad["line"]) for bad in log.bad_lines] == [("day.jsonl", 2), ("day.jsonl", 3)]
    assert 'at is "yesterday": expected a time with its zone' in log.bad_lines[1]["text"]


def test_fields_that_are_not_known_yet_are_ignored(log_of):
    assert len(log_of(a_page() | {"campaign": "autumn"}).pages) == 1


def test_purchases_of_one_order_are_one_basket_whatever_led_to_them(log_of):
    bought = [
        an_action("ProductPurchased", product, number=77, order_id="o1", minute=30) for product in ("x", "y", "x")
    ]

    log = log_of(*[event | {"event_id": str(at)} for at, event in enumerate(bought)])

    (basket,) = log.baskets
    assert basket.product_ids == ("x", "y")


def test_packed_files_in_folders_by_day_are_read(tmp_path):
    (tmp_path / "2026" / "09").mkdir(parents=True)
    (tmp_path / "2026" / "09" / "01.jsonl.gz").write_bytes(gzip.compress(json.dumps(a_page()).encode()))
    (tmp_path / "2026" / "09" / "02.jsonl").write_text(json.dumps(an_action()))

    assert read_log(tmp_path).pages[0].gains == (0, 0.3, 0)


def test_a_packed_file_that_is_cut_off_is_named(tmp_path):
    (tmp_path / "day.jsonl.gz").write_bytes(gzip.compress(json.dumps(a_page()).encode() * 100)[:-20])

    with pytest.raises(VitrineError, match=r"day\.jsonl\.gz cannot be unpacked"):
        read_log(tmp_path)


def test_a_folder_without_a_log_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("none here")

    with pytest.raises(VitrineError, match="expected at least one file of JSON lines"):
        read_log(tmp_path)
