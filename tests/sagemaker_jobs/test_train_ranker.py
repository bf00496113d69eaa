from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from relevance.contracts.training import ImpressionLine
from relevance.errors import VitrineError
from relevance.features import FEATURE_NAMES
from relevance.onnx_scorer import OnnxScorer
from relevance.release import open_release
from sagemaker_jobs import train_ranker
from sagemaker_jobs.build_release import ARTEFACTS
from sagemaker_jobs.dataset import Dataset, jsonl
from sagemaker_jobs.train_ranker import (
    Group,
    Training,
    mean_ndcg,
    scoring,
    shown_groups,
    split,
    train,
    train_and_export,
)
from tests.builders import a_release
from tests.sagemaker_jobs.derived_shop import made_up_shop
from tests.sagemaker_jobs.learning_data import a_dataset

AT = datetime(2026, 11, 1, tzinfo=UTC)

COVERAGE, FUSED = FEATURE_NAMES.index("coverage"), FEATURE_NAMES.index("fused")


def a_group(text: str, *, seed: int) -> Group:
    """Twenty candidates whose coverage tells their worth; the fused score tells nothing."""
    generator = np.random.default_rng(seed)
    features = np.zeros((20, len(FEATURE_NAMES)), dtype=np.float32)
    features[:, COVERAGE] = generator.random(20)
    features[:, FUSED] = generator.random(20) * 0.1
    gains = np.where(features[:, COVERAGE] > 0.8, 7.0, 0.0).astype(np.float32)
    gains[features[:, COVERAGE].argmax()] = 7.0
    return Group(text, False, features, gains, taught=gains - 3)


def a_ranker():
    """One that knows nothing but the fused score before it learns."""
    return train_ranker.Ranker(FEATURE_NAMES, anchor={"fused": 10.0})


@pytest.mark.parametrize("loss", ["labels", "listwise", "mse"])
def test_the_ranker_learns_what_makes_a_product_right(loss):
    groups = [a_group(f"query {seed}", seed=seed) for seed in range(80)]
    training = Training(loss=loss, sharpness=1.0, epochs=15, groups_per_step=4, learning_rate=1e-2, anchor=0.0)
    learning, validation = split(groups, training)

    ranker, _ = train(a_ranker(), learning, validation, training)

    assert mean_ndcg(scoring(ranker), validation) > 0.95
    assert mean_ndcg(lambda features: features[:, FUSED], validation) < 0.7


def test_a_strong_anchor_keeps_its_order():
    groups = [a_group(f"query {seed}", seed=seed) for seed in range(20)]
    training = Training(epochs=3, anchor=1e6)
    learning, validation = split(groups, training)

    ranker, _ = train(a_ranker(), learning, validation, training)

    for group in validation:
        order = np.argsort(-scoring(ranker)(group.features), kind="stable")
        assert order[0] == group.features[:, FUSED].argmax()


def test_no_query_is_both_learnt_and_validated_on():
    groups = [a_group(f"query {seed % 10}", seed=seed) for seed in range(30)]

    learning, validation = split(groups, Training())

    assert not {group.text for group in learning} & {group.text for group in validation}
    assert len(learning) + len(validation) == 30


def test_a_query_without_labels_is_never_validated_on():
    labelled = [a_group(f"query {seed}", seed=seed) for seed in range(20)]
    unlabelled = [replace(a_group(f"words {seed}", seed=seed), gains=None) for seed in range(20)]

    learning, validation = split(labelled + unlabelled, Training())

    assert all(group.gains is not None for group in validation)
    assert sum(group.gains is None for group in learning) == 20


def test_each_epoch_tells_what_it_learnt_from_what_it_did_not():
    groups = [a_group(f"query {seed}", seed=seed) for seed in range(40)]
    learning, validation = split(groups, Training())

    _, history = train(a_ranker(), learning, validation, Training(epochs=3, learning_rate=1e-2, anchor=0.0))

    assert [epoch.number for epoch in history] == [1, 2, 3]
    assert history[-1].learnt > history[0].learnt
    assert all(0 <= epoch.held_out <= 1 for epoch in history)


def test_ndcg_of_the_best_order_is_1_and_of_the_worst_near_0():
    group = a_group("query", seed=1)

    assert mean_ndcg(lambda features: features[:, COVERAGE], [group]) == pytest.approx(1.0)
    assert mean_ndcg(lambda features: -features[:, COVERAGE], [group]) < 0.2


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    output = tmp_path_factory.mktemp("ranker")
    manifest = train_and_export(
        made_up_shop(), ARTEFACTS / "encoder", output, source="a made-up shop", queries=80, training=Training(epochs=4)
    )
    return output, manifest


def test_a_small_catalogue_trains_a_ranker_that_opens(trained):
    output, manifest = trained

    scores = OnnxScorer.load(output).score(np.zeros((3, len(FEATURE_NAMES)), dtype=np.float32))

    assert scores.shape == (3,)
    assert manifest.feature_names == FEATURE_NAMES


def test_the_right_products_come_first(trained):
    _, manifest = trained

    assert manifest.metrics["derived_ndcg10_lambda.reranked"] > 0.9
    assert manifest.metrics["derived_ndcg10_lexical.reranked"] > 0.9


def test_a_teacher_is_asked_of_labelled_and_unlabelled_queries(tmp_path):
    asked = []

    def teacher(query, rows):
        asked.append(query)
        return np.linspace(1, -1, len(rows), dtype=np.float32)

    manifest = train_and_export(
        made_up_shop(),
        ARTEFACTS / "encoder",
        tmp_path,
        source="a made-up shop",
        queries=40,
        training=Training(loss="listwise", epochs=2),
        teacher=teacher,
    )

    assert manifest.feature_names == FEATURE_NAMES
    assert len(set(asked)) > 40


def test_a_catalogue_too_small_to_learn_from_is_refused(tmp_path):
    with pytest.raises(VitrineError, match="too few to train on"):
        train_and_export(
            made_up_shop()[:3], ARTEFACTS / "encoder", tmp_path, source="three lamps", queries=5, training=Training()
        )


def test_the_same_seed_trains_the_same_ranker():
    groups = [a_group(f"query {seed}", seed=seed) for seed in range(20)]
    training = Training(epochs=2)
    learning, validation = split(groups, training)

    scores = []
    for _ in range(2):
        torch.manual_seed(training.seed)
        ranker, _ = train(a_ranker(), learning, validation, training)
        scores.append(scoring(ranker)(groups[0].features))

    np.testing.assert_array_equal(*scores)


def test_pages_that_were_shown_are_learnt_from_by_what_they_gained(tmp_path):
    dataset = a_dataset(tmp_path)
    release = open_release(a_release(tmp_path / "release", products=dataset.products))
    ids = tuple(product.product_id for product in dataset.products[:3])
    trained_on = dataset.queries_of("train")[0]
    pages = [
        ImpressionLine(query_id=query.query_id, at=AT, product_ids=(*ids, "gone"), gains=gains, weights=(1, 2, 4, 1))
        for query, gains in (
            (trained_on, (1.0, 0.0, 1.0, 5.0)),
            (trained_on, (0.0, 1.0, 0.0, 0.0)),
            (dataset.queries_of("test")[0], (1.0, 0.0, 0.0, 0.0)),
        )
    ]
    (tmp_path / "impressions.jsonl").write_text("".join(jsonl(pages)))

    (group,) = shown_groups(release, Dataset(tmp_path))

    assert group.text == trained_on.text
    assert group.gains.tolist() == [1.0, 2.0, 4.0]  # over both pages, by the weights of the places
    assert group.features.shape == (3, len(FEATURE_NAMES))
