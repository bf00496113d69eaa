import shutil

import numpy as np
import pytest

from benchmarks.spoiled_rankers import bloat, favour, flip, labour, spoil, with_ranker
from relevance.features import FEATURE_NAMES
from relevance.objectives import objective
from relevance.onnx_scorer import OnnxScorer
from relevance.release import open_release
from sagemaker_jobs.build_release import ARTEFACTS
from tests.builders import a_release, write_linear_ranker

FEATURES = np.random.default_rng(1).random((5, len(FEATURE_NAMES)), dtype=np.float32)


@pytest.fixture
def ranker(tmp_path):
    return write_linear_ranker(tmp_path, {"fused": 2.0, "coverage": 1.0})


def scores_of(ranker):
    return OnnxScorer.load(ranker).score(FEATURES)


@pytest.mark.parametrize("change", [bloat, labour])
def test_what_is_only_bloated_or_slow_scores_as_before(ranker, change):
    before = scores_of(ranker)

    spoil(ranker, change, "spoiled")

    np.testing.assert_allclose(scores_of(ranker), before, rtol=1e-4)
    assert OnnxScorer.load(ranker).ranker_id == "spoiled"


def test_a_flipped_ranker_scores_the_other_way_round(ranker):
    before = scores_of(ranker)

    spoil(ranker, flip, "spoiled")

    np.testing.assert_allclose(scores_of(ranker), -before)


def test_a_favoured_feature_is_added_to_the_scores(ranker):
    before = scores_of(ranker)

    spoil(ranker, favour("rating_position", 0.5), "spoiled")

    added = 0.5 * FEATURES[:, FEATURE_NAMES.index("rating_position")]
    np.testing.assert_allclose(scores_of(ranker), before + added, rtol=1e-5)


def test_a_bloated_ranker_is_larger_than_may_be(ranker):
    spoil(ranker, bloat, "spoiled")

    assert (ranker / "ranker.onnx").stat().st_size / 1e6 > objective("ranker_size").limit
    assert sum(path.stat().st_size for path in (ARTEFACTS / "ranker").iterdir()) / 1e6 < objective("ranker_size").limit


def test_a_release_with_another_ranker_opens_and_leaves_the_one_it_was_made_of(tmp_path):
    release = a_release(tmp_path / "release", weights={"fused": 1.0})
    before = {path.relative_to(release): path.read_bytes() for path in release.rglob("*") if path.is_file()}
    other = spoil(shutil.copytree(release / "ranker", tmp_path / "ranker"), flip, "flipped")

    opened = open_release(with_ranker(release, other, tmp_path / "other"))

    assert (opened.release_id, opened.manifest.ranker_id) == ("other", "flipped")
    assert before == {path.relative_to(release): path.read_bytes() for path in release.rglob("*") if path.is_file()}
