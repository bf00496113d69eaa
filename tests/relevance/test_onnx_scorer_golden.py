import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from relevance.contracts.models import RankerManifest
from relevance.features import FEATURE_NAMES
from relevance.onnx_scorer import OnnxScorer

ARTEFACT = Path(__file__).parents[2] / "models" / "artefacts" / "ranker"
GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "ranker.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def manifest() -> RankerManifest:
    return RankerManifest.model_validate_json((ARTEFACT / "manifest.json").read_bytes())


def test_the_shipped_ranker_scores_as_torch_did():
    scores = OnnxScorer.load(ARTEFACT).score(np.array(GOLDEN["features"], dtype=np.float32))

    np.testing.assert_allclose(scores, GOLDEN["scores"], atol=1e-3)


def test_one_candidate_and_none_are_scored():
    scorer = OnnxScorer.load(ARTEFACT)
    features = np.array(GOLDEN["features"], dtype=np.float32)

    np.testing.assert_allclose(scorer.score(features[:1]), GOLDEN["scores"][:1], atol=1e-3)
    assert scorer.score(features[:0]).shape == (0,)


def test_a_candidates_score_does_not_depend_on_the_others():
    features = np.array(GOLDEN["features"], dtype=np.float32)
    scorer = OnnxScorer.load(ARTEFACT)

    np.testing.assert_allclose(scorer.score(features[::-1])[::-1], scorer.score(features), atol=1e-4)


def test_what_the_features_add_is_the_shipped_rankers_score():
    scorer = OnnxScorer.load(ARTEFACT)
    features = np.array(GOLDEN["features"], dtype=np.float32)

    added = scorer.contributions(features)

    assert added.shape == features.shape
    np.testing.assert_allclose(added.sum(axis=1), scorer.score(features), atol=1e-3)


def test_the_shipped_ranker_was_trained_on_todays_features(manifest):
    assert manifest.feature_names == FEATURE_NAMES


def test_the_manifest_tells_the_file_that_lies_there(manifest):
    content = (ARTEFACT / "ranker.onnx").read_bytes()

    assert manifest.files["ranker.onnx"].sha256 == sha256(content).hexdigest()
    assert manifest.ranker_id.endswith(sha256(content).hexdigest()[:12])
    assert len(content) <= 500_000


def test_no_path_of_a_machine_is_in_the_model():
    for name in ("ranker.onnx", "contributions.onnx"):
        assert b".py" not in (ARTEFACT / name).read_bytes()


def test_the_ranker_beats_the_fused_order_on_queries_it_was_not_trained_on(manifest):
    for rung in ("lambda", "lexical"):
        reranked, fused = (manifest.metrics[f"derived_ndcg10_{rung}.{name}"] for name in ("reranked", "fused"))
        assert reranked > fused
