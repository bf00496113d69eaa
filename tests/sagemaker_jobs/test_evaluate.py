import json
import re
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.spoiled_rankers import bloat, favour, flip, labour, spoil
from relevance.judgments import FILE as JUDGMENTS
from relevance.objectives import OBJECTIVES
from relevance.release import open_release
from sagemaker_jobs import evaluation
from sagemaker_jobs.dataset import QUERIES
from sagemaker_jobs.evaluate import EVALUATION, PAGE, main
from sagemaker_jobs.evaluation import NEW, TEST, Asked, Question, new_products, questions_of
from sagemaker_jobs.export import export
from sagemaker_jobs.graph import GATE
from sagemaker_jobs.job import DONE, STOPPED, metric_regex
from tests.builders import a_product, write_linear_ranker
from tests.sagemaker_jobs.rated_shop import answers, rated_shop
from tests.sagemaker_jobs.training_results import (
    a_query,
    random_directions,
    write_dataset,
    write_encoder,
    write_vectors,
)

GOOD = {"fused": 1.0}


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A data set, an encoder with its vectors, and a live release that goes by the fused score."""
    at = tmp_path_factory.mktemp("shop")
    products = rated_shop()
    dataset = write_dataset(at / "dataset", products, answers(products))
    encoder = write_encoder(at / "encoder", space="large")
    vectors = write_vectors(at / "vectors", dataset, encoder)
    made = SimpleNamespace(at=at, dataset=dataset, encoder=encoder, vectors=vectors)
    made.live = a_candidate(made, "live", GOOD)
    return made


@pytest.fixture(autouse=True)
def few_searches_are_timed(monkeypatch):
    """Six queries tell four thousand multiplications from none."""
    monkeypatch.setattr(evaluation, "TIMED", 6)


def a_candidate(shop, name, weights, *, vectors=None, change=None):
    """A release with a linear ranker, whose graph may be changed."""
    ranker = write_linear_ranker(shop.at / name, weights, ranker_id=name)
    if change:
        spoil(ranker, change, name)
    return export(shop.dataset, vectors or shop.vectors, shop.encoder, ranker, shop.at / "releases" / name)


def evaluated(shop, candidate, output, *more, live=True):
    """Run the job over one of the shop's releases; returns the status and the verdict that it wrote, if it did."""
    channels = ["--candidate", candidate.parent, "--dataset", shop.dataset.folder, "--output", output]
    status = main([*map(str, channels), *(["--live", str(shop.live)] if live else []), *map(str, more)])
    judged = output / candidate.name
    return status, open_release(judged).manifest.verdict if judged.exists() else None


def missed(verdict):
    return {check.objective for check in verdict.checks if not check.passed}


def test_an_equal_release_passes_and_carries_its_verdict(shop, tmp_path, capsys):
    candidate = a_candidate(shop, "equal", {"fused": 2.0})

    status, verdict = evaluated(shop, candidate, tmp_path)

    said = capsys.readouterr()
    assert status == DONE
    assert verdict.passed
    assert [check.objective for check in verdict.checks] == [one.name for one in OBJECTIVES]
    assert verdict.against == shop.live.name
    assert re.findall(metric_regex(GATE[1]), said.err) == ["1.0"]
    assert re.findall(metric_regex("test:ndcg10"), said.err) == re.findall(metric_regex("test:ndcg10_live"), said.err)
    assert said.out.splitlines()[-1] == str(tmp_path / candidate.name)
    assert open_release(candidate).manifest.verdict is None


def test_what_is_written_can_be_read_by_people_and_programs(shop, tmp_path):
    evaluated(shop, shop.live, tmp_path)

    figures = json.loads((tmp_path / EVALUATION).read_text())
    assert figures["quality"][TEST]["difference"] == {"mean": 0, "low": 0, "high": 0}
    assert set(figures["segments"]) == {"head", "tail", "derived"}
    assert figures["segments"]["head"]["queries"] + figures["segments"]["tail"]["queries"] == 30
    curve = figures["curves"][0]
    assert (curve["pr"][-1][0], curve["roc"][-1]) == (1, [1, 1])
    assert 0.5 < curve["roc_auc"] <= 1
    assert len(figures["by_query"]) == 30
    assert "It may be registered" in (tmp_path / PAGE).read_text()


def test_a_flipped_ranker_is_stopped_for_its_relevance(shop, tmp_path, capsys):
    status, verdict = evaluated(shop, a_candidate(shop, "flipped", GOOD, change=flip), tmp_path)

    assert status == DONE
    assert {"relevance", "relevance_against_live", "tail_relevance_against_live"} <= missed(verdict)
    assert re.findall(metric_regex(GATE[1]), capsys.readouterr().err) == ["0.0"]


def test_an_encoder_that_knows_nothing_is_stopped_for_its_relevance(shop, tmp_path):
    vectors = write_vectors(
        tmp_path / "vectors", shop.dataset, shop.encoder, random_directions(len(shop.dataset.products), 384)
    )

    _, verdict = evaluated(shop, a_candidate(shop, "random", GOOD, vectors=vectors), tmp_path / "out")

    assert {"relevance_against_live", "tail_relevance_against_live"} <= missed(verdict)


def test_a_ranker_that_favours_one_brand_is_stopped_for_its_exposure(shop, tmp_path):
    favouring = a_candidate(shop, "favouring", GOOD, change=favour("rating_position", 0.3))

    _, verdict = evaluated(shop, favouring, tmp_path)

    assert {"brand_exposure", "brand_exposure_against_live"} <= missed(verdict)
    assert not {"relevance", "price_exposure", "price_exposure_against_live"} & missed(verdict)
    reason = next(check.reason for check in verdict.checks if check.objective == "brand_exposure")
    assert "most above it stands Cedar" in reason


def test_a_brand_that_the_live_release_lacked_may_gain_what_it_deserves():
    products = [a_product("old", brand="Acorn"), a_product("new", brand="Elm")]
    questions = [Question("old", {"old": 1.0}, 0.5), Question("new", {"new": 1.0, "old": 0.2}, 0.5)]

    def asked(*answers):
        return Asked(questions, [SimpleNamespace(product_ids=answer) for answer in answers])

    def gained(unknown):
        measured = {}
        releases = {"candidate": asked(("old",), ("new",)), "live": asked(("old",), ("old",))}
        evaluation._exposure({}, measured, set(), releases, products, frozenset(unknown))
        return measured["brand_exposure_against_live"].value

    assert gained([]) > 0.03
    assert gained(["new"]) == 0


def test_a_ranker_that_favours_high_prices_is_stopped_for_its_exposure(shop, tmp_path):
    favouring = a_candidate(shop, "dear", GOOD, change=favour("price_position", 0.3))

    _, verdict = evaluated(shop, favouring, tmp_path)

    assert {"price_exposure", "price_exposure_against_live"} <= missed(verdict)
    assert "brand_exposure" not in missed(verdict)


def test_a_bloated_ranker_is_stopped_for_its_size_alone(shop, tmp_path):
    _, verdict = evaluated(shop, a_candidate(shop, "bloated", GOOD, change=bloat), tmp_path)

    assert missed(verdict) == {"ranker_size"}


def test_a_slow_ranker_is_stopped_for_its_time_alone(shop, tmp_path):
    _, verdict = evaluated(shop, a_candidate(shop, "slow", GOOD, change=labour), tmp_path)

    assert "latency_p50_against_live" in missed(verdict)
    assert {name.partition("_")[0] for name in missed(verdict)} <= {"latency", "cost"}


def test_a_ranker_that_gives_no_numbers_is_stopped_though_every_search_was_answered(shop, tmp_path):
    _, verdict = evaluated(shop, a_candidate(shop, "broken", {"fused": float("nan")}), tmp_path)

    assert missed(verdict) >= {"answered"}


def test_without_a_live_release_the_absolute_limits_decide(shop, tmp_path):
    _, passed = evaluated(shop, shop.live, tmp_path / "good", live=False)
    _, stopped = evaluated(shop, a_candidate(shop, "first", {"fused": -1.0}), tmp_path / "bad", live=False)

    assert (passed.passed, passed.against) == (True, None)
    assert missed(stopped) >= {"relevance", "tail_relevance"}


def test_people_s_ratings_have_a_limit_of_their_own(shop, tmp_path):
    (tmp_path / "judgments").mkdir()
    lines = ["query,product_id,rating"]
    for query, ratings in answers(shop.dataset.products).items():
        lines += [f"{query.text},{product_id},{round(3 * worth)}" for product_id, worth in ratings.items()]
    lines += [f"kettle for everyone,{product.product_id},0" for product in shop.dataset.products[:30]]
    (tmp_path / "judgments" / JUDGMENTS).write_text("\n".join(lines) + "\n")
    # Right by word, wrong by colour: within each kind the order is turned around.
    turned = a_candidate(shop, "turned", {"fused": -1.0})

    _, verdict = evaluated(shop, turned, tmp_path / "out", "--judgments", tmp_path / "judgments")

    assert "judged_relevance_against_live" in missed(verdict)
    assert "30 queries with people's ratings" in verdict.data


def test_a_second_run_replaces_the_first(shop, tmp_path):
    evaluated(shop, shop.live, tmp_path)

    status, verdict = evaluated(shop, shop.live, tmp_path, live=False)

    assert (status, verdict.against) == (DONE, None)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([shop.live.name, EVALUATION, PAGE])


def replaced(file, old, new):
    file.write_text(file.read_text().replace(old, new))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda at: replaced(at / "dataset" / QUERIES, '"test"', '"train"'), "no query of the test split"),
        (lambda at: (at / "dataset" / QUERIES).write_text(""), "a pair is of query 'desk lamp', which is not there"),
        (lambda at: (at / "dataset" / QUERIES).write_bytes(b"\xff\n"), "queries.jsonl, line 1"),
        (lambda at: shutil.rmtree(at / "dataset"), "input 'dataset'|is no data set|no queries.jsonl"),
        (
            lambda at: next(at.glob("releases/*/ranker/ranker.onnx")).write_bytes(b"half"),
            "the candidate release cannot",
        ),
        (
            lambda at: shutil.rmtree(at / "releases") or (at / "releases").mkdir(),
            "expected one release in it, found none",
        ),
        (
            lambda at: shutil.copytree(next(at.glob("releases/*")), at / "releases" / "second"),
            "expected one release in it, found .*second",
        ),
    ],
    ids=[
        "nothing to test on",
        "no query",
        "another encoding",
        "no data set",
        "half a ranker",
        "no release",
        "two releases",
    ],
)
def test_where_nothing_can_be_said_the_job_stops_and_leaves_nothing(shop, tmp_path, capsys, spoil, said):
    shutil.copytree(shop.dataset.folder, tmp_path / "dataset")
    shutil.copytree(shop.live, tmp_path / "releases" / shop.live.name)
    spoil(tmp_path)

    status = main(
        [
            *("--candidate", str(tmp_path / "releases")),
            *("--dataset", str(tmp_path / "dataset")),
            *("--output", str(tmp_path / "out")),
        ]
    )

    assert status == STOPPED
    assert re.search(said, capsys.readouterr().err)
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_a_query_belongs_to_its_frequency_origin_language_and_to_new_products(tmp_path):
    queries = {
        a_query("logged", origin="log", segment="head", language="de"): {"new": 0.9, "old": 0.5},
        a_query("derived"): {"new": 0.1, "old": 1.0},
        a_query("learnt", split="train"): {"old": 1.0},
        a_query("empty"): {"old": 0.0},
    }
    dataset = write_dataset(tmp_path / "dataset", [a_product("old"), a_product("new")], queries)

    logged, derived = questions_of(dataset, frozenset({"new"}), seed=1)

    assert (logged.text, logged.segments) == ("logged", ("head", "log", "language de", NEW))
    assert (derived.text, derived.segments) == ("derived", ("tail", "derived"))
    assert (logged.known_alone, derived.known_alone) == (True, False)
    assert logged.ratings == pytest.approx({"new": 2.7, "old": 1.5})


def test_more_queries_than_are_asked_are_drawn_the_same_each_time(tmp_path, monkeypatch):
    monkeypatch.setattr(evaluation, "MOST_QUERIES", 3)
    dataset = write_dataset(
        tmp_path / "dataset", [a_product("p")], {a_query(f"query {number}"): {"p": 1.0} for number in range(9)}
    )

    drawn = [[question.text for question in questions_of(dataset, frozenset(), seed)] for seed in (1, 1, 2)]

    assert len(drawn[0]) == 3
    assert drawn[0] == drawn[1] != drawn[2]


def test_new_is_what_came_last_or_what_the_live_release_does_not_know():
    products = [a_product(f"p{month}", released_at=f"2026-{month:02}-01") for month in range(1, 11)]

    assert new_products(products, None) == {"p10"}
    assert new_products(products, frozenset(f"p{month}" for month in range(2, 11))) == {"p1", "p10"}
    assert new_products([a_product("undated")], None) == frozenset()


def test_what_shoppers_were_not_shown_does_not_count_against_a_logged_query():
    answer = SimpleNamespace(product_ids=("unknown", "right"), scores=(2.0, 1.0))
    ratings = {"right": 3.0, "wrong": 0.0}
    logged, derived = (Question("q", ratings, 1.5, known_alone=known) for known in (True, False))

    ndcgs = Asked([logged, derived], [answer, answer]).ndcgs

    assert ndcgs == pytest.approx([1, 1 / np.log2(3)])
