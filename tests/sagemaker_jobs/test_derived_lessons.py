from collections import Counter

import pytest

from relevance.text import analyse
from sagemaker_jobs.derived_lessons import BROADEST, HARD_KEPT, RIGHT_KEPT, derive_lessons
from sagemaker_jobs.query_lines import sorted_words
from tests.sagemaker_jobs.derived_shop import KINDS, made_up_shop


@pytest.fixture(scope="module")
def products():
    return made_up_shop()


@pytest.fixture(scope="module")
def lessons(products):
    return derive_lessons(products, 300, seed=1, say=lambda _: None)


def test_no_query_and_no_kind_of_product_is_in_two_splits(lessons):
    splits_of_kind = {}
    for query in lessons.queries:
        for kind in KINDS:
            head = analyse(kind)[-1]
            if query.pattern in {"type", "brand type", "value"} and analyse(query.text)[-1] == head:
                splits_of_kind.setdefault(head, set()).add(query.split)

    assert len(splits_of_kind) >= 4
    assert all(len(splits) == 1 for splits in splits_of_kind.values())
    assert len({sorted_words(query.text) for query in lessons.queries}) == len(lessons.queries)


def test_every_split_has_about_its_share(lessons):
    counts = Counter(query.split for query in lessons.queries)

    assert 0.6 < counts["train"] / len(lessons.queries) < 0.9
    assert counts["validation"] > 0
    assert counts["test"] > 0


def test_each_query_has_right_answers_and_hard_negatives_apart(lessons):
    for query in lessons.queries:
        pairs = [pair for pair in lessons.pairs if pair.query_id == query.query_id]
        right = {pair.product_id for pair in pairs if pair.kind == "derived"}
        hard = {pair.product_id for pair in pairs if pair.kind == "hard_negative"}

        assert right
        assert not right & hard
        assert len(right) <= RIGHT_KEPT or query.split != "train"
        assert len(hard) <= HARD_KEPT


def test_hard_negatives_look_like_answers(products, lessons):
    titles = {product.product_id: set(analyse(product.title)) for product in products}
    text_of = {query.query_id: set(analyse(query.text)) for query in lessons.queries}
    hard = [pair for pair in lessons.pairs if pair.kind == "hard_negative"]

    sharing = sum(bool(titles[pair.product_id] & text_of[pair.query_id]) for pair in hard)

    assert sharing > 0.5 * len(hard)


def test_the_best_answers_come_first(lessons):
    pairs = [pair for pair in lessons.pairs if pair.query_id == lessons.queries[0].query_id]
    relevance = [pair.relevance for pair in pairs]

    assert relevance == sorted(relevance, reverse=True)


def test_a_query_that_most_of_the_catalogue_answers_is_left_out(products, lessons):
    answers = Counter(pair.query_id for pair in lessons.pairs if pair.kind == "derived")

    assert max(answers.values()) <= BROADEST * len(products)


def test_what_shoppers_typed_is_not_derived_again(products, lessons):
    typed = frozenset(sorted_words(query.text) for query in lessons.queries[:10])

    again = derive_lessons(products, 300, seed=1, asked=typed, say=lambda _: None)

    assert not typed & {sorted_words(query.text) for query in again.queries}


def test_the_same_seed_gives_the_same_lessons(products, lessons):
    assert derive_lessons(products, 300, seed=1, say=lambda _: None) == lessons


def test_products_that_read_alike_are_no_hard_negatives_of_each_other():
    twins = [product.model_copy(update={"product_id": f"twin-{product.product_id}"}) for product in made_up_shop(1)]
    shop = [*made_up_shop(1), *[twin.model_copy(update={"attributes": {"colour": "Green"}}) for twin in twins]]

    lessons = derive_lessons(shop, 100, seed=1, say=lambda _: None)

    for query in lessons.queries:
        pairs = [pair for pair in lessons.pairs if pair.query_id == query.query_id]
        right = {pair.product_id.removeprefix("twin-") for pair in pairs if pair.kind == "derived"}
        assert not right & {pair.product_id.removeprefix("twin-") for pair in pairs if pair.kind == "hard_negative"}


def test_no_products_or_no_queries_give_no_lessons(products):
    assert not derive_lessons([], 10, seed=1, say=lambda _: None).queries
    assert not derive_lessons(products, 0, seed=1, say=lambda _: None).queries
