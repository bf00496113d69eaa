import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from models.ranker import FUSED_WEIGHT, Ranker  # noqa: E402

FEATURES = ("coverage", "cosine", "cosine_of_best", "vector_missing", "fused", "title_length")
GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "ranker.json").read_text(encoding="utf-8"))


def rows(*values: tuple[float, ...]):
    return torch.tensor(values, dtype=torch.float32)


@pytest.fixture
def ranker():
    """A ranker whose correction is no longer 0."""
    torch.manual_seed(0)
    ranker = Ranker(FEATURES, read=("coverage", "cosine", "cosine_of_best", "vector_missing")).eval()
    torch.nn.init.normal_(ranker.last.weight)
    return ranker


def test_an_untrained_ranker_keeps_the_fused_order():
    scores = Ranker(FEATURES).eval()(rows((0.1, 0.9, 0, 0, 0.3, 2), (0.9, 0.1, -0.8, 0, 0.5, 3)))

    torch.testing.assert_close(scores, torch.tensor([0.3, 0.5]) * FUSED_WEIGHT)


def test_a_feature_that_is_not_read_changes_nothing(ranker):
    short, long = ranker(rows((0.5, 0.5, 0, 0, 0.3, 1), (0.5, 0.5, 0, 0, 0.3, 9)))

    torch.testing.assert_close(short, long)


def test_a_cosine_that_is_missing_changes_nothing(ranker):
    zero, nonsense = ranker(rows((0.5, 0.0, 0, 1, 0.3, 2), (0.5, 0.7, -0.4, 1, 0.3, 2)))

    torch.testing.assert_close(zero, nonsense)


def test_an_unheard_of_value_counts_no_more_than_a_large_one(ranker):
    large, absurd = ranker(rows((5.0, 0.5, 0, 0, 0.3, 2), (5e9, 0.5, 0, 0, 0.3, 2)))

    torch.testing.assert_close(large, absurd)


def test_standardised_features_have_mean_0_and_deviation_1():
    features = torch.cat((torch.randn(500, 5) * 3 + 7, torch.rand(500, 1)), dim=1)
    features[:, FEATURES.index("vector_missing")] = 0
    ranker = Ranker(FEATURES, read=FEATURES)

    ranker.standardise.fit(features)

    coverage = ranker.standardise(features)[:, 0]
    assert abs(float(coverage.mean())) < 0.05
    assert abs(float(coverage.std()) - 1) < 0.05


def test_a_linear_ranker_has_neither_crosses_nor_hidden_units():
    linear = Ranker(FEATURES, crosses=0, hidden=0)

    assert linear.last.in_features == len(FEATURES) * 2
    assert linear(rows((0.5, 0.5, 0, 0, 0.3, 2))).shape == (1,)


def test_golden_features_are_finite():
    assert np.isfinite(np.array(GOLDEN["features"])).all()
