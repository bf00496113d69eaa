import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from models.ranker import ANCHOR, Explanation, Ranker  # noqa: E402

FEATURES = ("coverage", "cosine", "cosine_of_best", "vector_missing", "fused", "title_length")
GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "ranker.json").read_text(encoding="utf-8"))


def rows(*values: tuple[float, ...]):
    return torch.tensor(values, dtype=torch.float32)


@pytest.fixture
def ranker():
    """A ranker whose correction is no longer 0."""
    torch.manual_seed(0)
    ranker = Ranker(FEATURES, read=("coverage", "cosine", "cosine_of_best", "vector_missing")).eval()
    torch.nn.init.normal_(ranker.cross.last.weight)
    return ranker


def test_an_untrained_ranker_orders_by_its_anchor():
    scores = Ranker(FEATURES).eval()(rows((0.1, 0.9, 0, 0, 0.3, 2), (0.9, 0.1, -0.8, 0, 0.5, 3)))

    expected = torch.tensor([0.3, 0.5]) * ANCHOR["fused"] + torch.tensor([0.1, 0.9]) * ANCHOR["coverage"]
    torch.testing.assert_close(scores, expected)


def test_a_feature_that_is_not_read_changes_nothing(ranker):
    short, long = ranker(rows((0.5, 0.5, 0, 0, 0.3, 1), (0.5, 0.5, 0, 0, 0.3, 9)))

    torch.testing.assert_close(short, long)


def test_a_cosine_that_is_missing_changes_nothing(ranker):
    zero, nonsense = ranker(rows((0.5, 0.0, 0, 1, 0.3, 2), (0.5, 0.7, -0.4, 1, 0.3, 2)))

    torch.testing.assert_close(zero, nonsense)


def test_an_unheard_of_value_counts_no_more_than_a_large_one(ranker):
    large, absurd = ranker.correction(rows((5.0, 0.5, 0, 0, 0.3, 2), (5e9, 0.5, 0, 0, 0.3, 2)))

    torch.testing.assert_close(large, absurd)


def test_standardised_features_have_mean_0_and_deviation_1():
    features = torch.cat((torch.randn(500, 5) * 3 + 7, torch.rand(500, 1)), dim=1)
    features[:, FEATURES.index("vector_missing")] = 0
    ranker = Ranker(FEATURES, read=FEATURES)

    ranker.standardise.fit(features)

    coverage = ranker.standardise(features)[:, 0]
    assert abs(float(coverage.mean())) < 0.05
    assert abs(float(coverage.std()) - 1) < 0.05


@pytest.mark.parametrize("crosses", [0, 1, 2, 3])
def test_what_the_features_add_is_the_score(crosses):
    torch.manual_seed(0)
    ranker = Ranker(FEATURES, read=FEATURES, crosses=crosses).eval()
    torch.nn.init.normal_(ranker.cross.last.weight)
    features = torch.randn(20, len(FEATURES))

    added = Explanation(ranker)(features)

    torch.testing.assert_close(added.sum(dim=1), ranker(features))


def test_what_two_features_do_together_is_shared_between_them():
    ranker = Ranker(FEATURES, read=FEATURES, crosses=1, anchor={}).eval()
    with torch.no_grad():
        ranker.cross.layers[0].weight.zero_()
        ranker.cross.layers[0].bias.zero_()
        ranker.cross.layers[0].weight[0, 1] = 1.0  # score = coverage + coverage * cosine
        ranker.cross.last.weight.zero_()
        ranker.cross.last.weight[0, 0] = 1.0

    added = ranker.contributions(rows((2.0, 3.0, 0, 0, 0, 0)))

    torch.testing.assert_close(added, rows((2 + 3, 3, 0, 0, 0, 0)))


def test_a_ranker_without_crosses_is_linear():
    linear = Ranker(FEATURES, read=FEATURES, crosses=0).eval()
    torch.nn.init.normal_(linear.cross.last.weight)
    one, other = torch.randn(1, len(FEATURES)), torch.randn(1, len(FEATURES))
    one[:, 3] = other[:, 3] = 0

    torch.testing.assert_close(linear(one + other), linear(one) + linear(other))


def test_golden_features_are_finite():
    assert np.isfinite(np.array(GOLDEN["features"])).all()
