"""Lessons from logs; the large one is simulated, so what is relevant there is known."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from relevance.metrics import ndcg
from sagemaker_jobs.logged_lessons import logged_lessons, split_of
from sagemaker_jobs.query_lines import query_id, sorted_words
from sagemaker_jobs.shopping_log import Page
from tests.sagemaker_jobs.simulated_log import BEGUN, SimulatedShop

DAY = datetime(2026, 9, 1, tzinfo=UTC)


def a_page(number, text="lamp", gains=(0.0, 0.3, 0.0), *, products=("a", "b", "c"), **fields):
    given = {"language": None, "shopper": f"s{number}", "first_place": 1} | fields
    return Page(
        query_id=f"search{number}",
        text=text,
        at=DAY + timedelta(minutes=number),
        product_ids=products,
        gains=gains,
        **given,
    )


def pages_of(shop: SimulatedShop, count: int) -> list[Page]:
    return [
        Page(
            query_id=f"search{number}",
            text=shop.texts[query],
            language=None,
            at=at,
            shopper=shopper,
            first_place=1,
            product_ids=tuple(shop.products[query][product] for product in order),
            gains=tuple(0.3 * click for click in clicked),
        )
        for number, (at, shopper, query, order, clicked) in enumerate(shop.pages(count))
    ]


@pytest.fixture(scope="module")
def simulated():
    shop = SimulatedShop(100)
    pages = pages_of(shop, 20_000)
    known = {name: 0 for products in shop.products for name in products}
    return shop, pages, logged_lessons(pages, known)


def test_corrected_relevance_orders_products_better_than_click_rates(simulated):
    shop, pages, lessons = simulated
    by_query = {query.query_id: query for query in lessons.queries if query.split == "train"}
    relevance = {(pair.query_id, pair.product_id): pair.relevance for pair in lessons.pairs}
    shown, clicked = np.zeros(shop.attraction.shape), np.zeros(shop.attraction.shape)
    last = max(line.at for line in lessons.impressions if line.query_id in by_query)
    for page in (page for page in pages if page.at <= last):
        query = shop.texts.index(page.text)
        for name, gain in zip(page.product_ids, page.gains, strict=True):
            shown[query, shop.products[query].index(name)] += 1
            clicked[query, shop.products[query].index(name)] += gain > 0

    corrected, raw = [], []
    for query, text in enumerate(shop.texts):
        if query_id(text) in by_query:
            true = 10 * shop.attraction[query]
            scores = np.array([relevance.get((query_id(text), name), 0.0) for name in shop.products[query]])
            corrected.append(ndcg(true[np.argsort(-scores, kind="stable")], true))
            raw.append(ndcg(true[np.argsort(-clicked[query] / shown[query], kind="stable")], true))

    assert len(corrected) > 60
    assert np.mean(corrected) > np.mean(raw) + 0.02
    assert np.mean(corrected) > 0.97


def test_each_split_has_its_own_queries_and_a_time_of_its_own(simulated):
    _, _, lessons = simulated
    split_of_query = {query.query_id: query.split for query in lessons.queries}
    times = {split: [] for split in ("train", "validation", "test")}
    for line in lessons.impressions:
        times[split_of_query[line.query_id]].append(line.at)

    assert max(times["train"]) < min(times["validation"])
    assert max(times["validation"]) < min(times["test"])
    assert min(times["train"]) >= BEGUN


def test_queries_that_ask_the_same_in_another_order_share_a_split():
    assert split_of(sorted_words("red desk lamps")) == split_of(sorted_words("desk lamp, red"))


def test_head_torso_and_tail_are_a_tenth_four_tenths_and_the_rest(simulated):
    _, _, lessons = simulated
    segments = [query.segment for query in lessons.queries]
    asked = {segment: [q.asked for q in lessons.queries if q.segment == segment] for segment in set(segments)}

    assert segments.count("head") == np.ceil(0.1 * len(segments))
    assert min(asked["head"]) >= max(asked["torso"])
    assert min(asked["torso"]) >= max(asked["tail"])


def test_a_click_far_down_says_more_than_one_at_the_top():
    pages = [a_page(number, gains=(0.3, 0.0, 0.0, 0.3), products=("a", "b", "c", "d")) for number in range(50)]

    lessons = logged_lessons(pages, dict.fromkeys("abcd", 0))

    pairs = {pair.product_id: pair for pair in lessons.pairs}
    assert pairs["d"].relevance == 1 > pairs["a"].relevance


def test_a_product_seen_often_and_never_clicked_is_a_hard_negative_and_one_seldom_seen_is_not():
    pages = [a_page(number, gains=(0.0, 0.3, 0.0)) for number in range(30)]
    below = [a_page(30, gains=(0.0, 0.3), products=("a", "seldom"), first_place=2)]

    lessons = logged_lessons([*pages, *below, *[a_page(40 + n, text="fan") for n in range(20)]], dict.fromkeys("abc"))

    pairs = {(pair.query_id, pair.product_id): pair for pair in lessons.pairs}
    assert pairs[query_id("lamp"), "a"].kind == "hard_negative"
    assert pairs[query_id("lamp"), "a"].relevance == 0
    assert pairs[query_id("lamp"), "b"].kind == "click"


def test_the_kind_of_a_pair_is_the_strongest_thing_that_was_done():
    pages = [a_page(number, gains=(0.3, 0.6, 1.0)) for number in range(20)]

    kinds = {pair.product_id: pair.kind for pair in logged_lessons(pages, dict.fromkeys("abc", 0)).pairs}

    assert kinds == {"a": "click", "b": "cart", "c": "purchase"}


def test_products_that_are_gone_leave_the_others_in_their_places():
    pages = [a_page(number) for number in range(20)]

    lessons = logged_lessons(pages, {"b": 0, "c": 1})

    assert lessons.impressions[0].product_ids == ("b", "c")
    assert lessons.impressions[0].weights == (2.0, 3.0)


def test_the_language_is_what_the_storefront_told_most_often():
    pages = [a_page(number, language="de" if number % 3 else "en") for number in range(20)]

    assert logged_lessons(pages, dict.fromkeys("abc", 0)).queries[0].language == "de"
    assert logged_lessons([a_page(n) for n in range(20)], dict.fromkeys("abc", 0)).queries[0].language is None


def test_a_query_on_whose_pages_nothing_was_done_teaches_nothing():
    lessons = logged_lessons([a_page(number, gains=(0.0, 0.0, 0.0)) for number in range(20)], dict.fromkeys("abc", 0))

    assert not lessons.queries
    assert lessons.counts["queries without an action"] == 1


def test_no_pages_give_no_lessons():
    assert not logged_lessons([], {}).queries
