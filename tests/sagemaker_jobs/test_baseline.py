"""What a release's own data set asks of it, counted: on a small made-up shop whose topics everybody can see."""

import re

import pytest

from relevance.contracts.api import SearchParameters
from relevance.contracts.baseline import BASELINE_FILE, Baseline
from relevance.drift import LARGE_CHANGE
from relevance.query_profile import QueryProfile
from relevance.release import open_release
from relevance.search import InProcess, search
from relevance.topics import BASELINE, TOPICS
from relevance.traffic_drift import LEAST_SEARCHES, compare
from sagemaker_jobs.baseline import main, make_baseline
from sagemaker_jobs.derived_lessons import derive_texts
from sagemaker_jobs.job import DONE, STOPPED
from sagemaker_jobs.release_copies import copied
from tests.builders import a_release
from tests.sagemaker_jobs.derived_shop import BRANDS, COLOURS, KINDS, made_up_shop
from tests.sagemaker_jobs.training_results import a_query, write_dataset

OFTEN = 4


def some_queries(**fields):
    """Every kind in every colour, of every brand, and both together."""
    texts = [f"{colour} {kind}" for kind in KINDS for colour in COLOURS]
    texts += [f"{brand} {kind}" for kind in KINDS for brand in BRANDS]
    texts += [f"{brand} {kind} {colour}" for kind in KINDS for brand in BRANDS for colour in COLOURS]
    return {a_query(text, **({"split": "train", "asked": OFTEN} | fields)): {} for text in texts}


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A release without a baseline, and a data set whose shoppers asked for all that it sells."""
    folder = tmp_path_factory.mktemp("shop")
    products = made_up_shop(2)
    release = a_release(folder, products, weights={"fused": 1.0})
    return release, write_dataset(folder / "dataset", products, some_queries(origin="log"))


@pytest.fixture(scope="module")
def with_baseline(shop, tmp_path_factory):
    """The same release, with its baseline."""
    release, dataset = shop
    output = tmp_path_factory.mktemp("with-baseline")
    status = main(["--release", str(release), "--dataset", str(dataset.folder), "--output", str(output)])
    assert status == DONE
    return output / release.name


@pytest.fixture(scope="module")
def baseline(with_baseline):
    return Baseline.model_validate_json((with_baseline / BASELINE / BASELINE_FILE).read_bytes())


def asked(folder, texts, **parameters):
    """What the front door would log of some queries."""
    release = open_release(folder)
    profiles: list[QueryProfile] = []
    for text in texts:
        search(
            SearchParameters(query=text, **parameters),
            release,
            InProcess(release),
            query_id="0" * 32,
            index_name="products",
            profiled=profiles.append,
        )
    return profiles


def test_a_release_with_its_baseline_opens_and_knows_its_topics(with_baseline, shop):
    opened = open_release(with_baseline)

    assert len(opened.topics) > 1
    assert opened.topics.dimension == opened.manifest.dimension
    assert open_release(shop[0]).topics is None  # as it was


def test_every_query_counts_as_often_as_it_was_asked(baseline):
    assert baseline.queries == len(some_queries())
    assert baseline.searches == OFTEN * len(some_queries())
    assert sum(topic.count for topic in baseline.topics) == baseline.searches
    assert all(sum(counted.counts) == baseline.searches for counted in baseline.numbers.values())


def test_topics_are_described_by_what_products_are_called_and_by_no_query(baseline):
    titles = {word for product in made_up_shop(2) for word in re.findall("[a-z]+", product.title.lower())}

    said = {word for topic in baseline.topics for word in topic.words}

    assert {"kettle", "fan"} <= said <= titles


def test_a_baseline_holds_no_query(with_baseline):
    written = (with_baseline / BASELINE / BASELINE_FILE).read_text()

    assert [query.text for query in some_queries() if query.text in written] == []


def test_the_same_queries_do_not_move_and_other_ones_do(with_baseline, baseline):
    same = asked(with_baseline, [query.text for query in some_queries()] * 3)
    kettles = [f"{brand} kettle {colour} {kg}kg" for brand in BRANDS for colour in COLOURS for kg in range(1, 6)]
    other = asked(with_baseline, kettles * 5)

    assert compare(baseline, same).largest_psi == 0
    found = compare(baseline, other)
    assert found.query_drift > LARGE_CHANGE
    (most, *_) = [one for one in found.moved if one.share is not None]
    assert "kettle" in most.said
    assert most.share > most.share_before


def test_queries_of_the_test_split_are_not_asked(shop, tmp_path):
    release, _ = shop
    held_back = write_dataset(tmp_path / "dataset", made_up_shop(2), some_queries(split="test"))

    assert make_baseline(open_release(release), held_back, seed=1, say=lambda _: None) is None
    status = main(["--release", str(release), "--dataset", str(held_back.folder), "--output", str(tmp_path / "out")])
    assert status == STOPPED


def test_where_too_few_were_typed_the_baseline_is_of_derived_queries_and_says_so(shop, tmp_path):
    release, _ = shop
    typed = {a_query("kettle", split="train", origin="log", asked=LEAST_SEARCHES - 1): {}}
    dataset = write_dataset(tmp_path / "dataset", made_up_shop(2), some_queries() | typed)

    made = make_baseline(open_release(release), dataset, seed=1, say=lambda _: None)

    assert made.baseline.origin == "derived"
    assert made.baseline.queries >= LEAST_SEARCHES


def test_derived_queries_of_another_draw_ring_no_alarm(tmp_path):
    products = made_up_shop(3)
    release = a_release(tmp_path / "release", products, weights={"fused": 1.0})
    dataset = write_dataset(tmp_path / "dataset", products, some_queries())
    made = make_baseline(open_release(release), dataset, seed=1, say=lambda _: None)
    with_it = copied(release, tmp_path / "with", adding=made.write)

    others = derive_texts(products, 1000, seed=9, asked=frozenset())

    assert compare(made.baseline, asked(with_it, others)).query_drift < LARGE_CHANGE


def test_a_catalogue_that_gives_few_queries_is_asked_those_of_its_data_set(tmp_path):
    few = made_up_shop(1)[:1]
    release = a_release(tmp_path / "release", few, weights={"fused": 1.0})
    dataset = write_dataset(tmp_path / "dataset", few, some_queries())

    made = make_baseline(open_release(release), dataset, seed=1, say=lambda _: None)

    assert (made.baseline.origin, made.baseline.queries) == ("derived", len(some_queries()))


def test_a_release_without_vectors_has_a_baseline_without_topics(shop, tmp_path):
    words_alone = a_release(tmp_path, made_up_shop(2), encoder=False)

    made = make_baseline(open_release(words_alone), shop[1], seed=1, say=lambda _: None)
    made.write(tmp_path)

    assert made.topics is None
    assert made.baseline.kinds["vector"] == {"without": made.baseline.searches}
    assert not (tmp_path / BASELINE / TOPICS).exists()


def test_the_same_queries_and_seed_make_the_same_baseline(shop):
    release, dataset = shop
    opened = open_release(release)

    first, second = (make_baseline(opened, dataset, seed=1, say=lambda _: None).baseline for _ in range(2))

    assert first.model_copy(update={"made_at": second.made_at}) == second
