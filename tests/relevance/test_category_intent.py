from datetime import UTC, datetime

import numpy as np
import pytest

from relevance.category_intent import WEIGHTS, CategoryClassifier
from relevance.contracts.models import ClassifierManifest, Lineage
from relevance.errors import ReleaseRefused
from relevance.release_files import MANIFEST, file_entry

LAMPS, FANS, RAKES = ("Home", "Lamps"), ("Home", "Fans"), ("Garden", "Rakes")


def a_classifier(*, threshold=0.8, temperature=1.0):
    """Each category is a direction; a vector's numbers are the logarithms of what is likely."""
    manifest = ClassifierManifest(
        classifier_id="by hand",
        space="three directions",
        dimension=3,
        categories=(LAMPS, FANS, RAKES),
        temperature=temperature,
        threshold=threshold,
        files={},
        metrics={},
        lineage=Lineage(data_sha256="0" * 64, git_commit=None, parameters={}, seed=0),
        made_at=datetime(2026, 1, 1, tzinfo=UTC),
        versions={},
    )
    return CategoryClassifier(manifest, np.eye(3, dtype=np.float32), np.zeros(3, dtype=np.float32))


def likely(*probabilities):
    return np.log(np.array([probabilities], dtype=np.float32))


def written(folder, classifier):
    (folder / WEIGHTS).write_bytes(classifier.packed())
    files = {WEIGHTS: file_entry(folder / WEIGHTS)}
    (folder / MANIFEST).write_text(classifier.manifest.model_copy(update={"files": files}).model_dump_json())
    return folder


def test_probabilities_are_the_softmax_of_the_scores():
    np.testing.assert_allclose(a_classifier().probabilities(likely(0.5, 0.3, 0.2)), [[0.5, 0.3, 0.2]], rtol=1e-5)


def test_a_higher_temperature_makes_less_sure():
    cooled = a_classifier(temperature=2.0).probabilities(likely(0.64, 0.32, 0.04))

    by_hand = np.sqrt([0.64, 0.32, 0.04])
    np.testing.assert_allclose(cooled[0], by_hand / by_hand.sum(), rtol=1e-5)


def test_what_is_sure_is_the_narrowest_category():
    assert a_classifier().surely(likely(0.85, 0.1, 0.05)) == [(LAMPS, pytest.approx(0.85))]


def test_what_is_not_sure_of_a_category_may_be_sure_of_the_one_above_it():
    assert a_classifier().surely(likely(0.5, 0.4, 0.1)) == [(("Home",), pytest.approx(0.9))]


def test_what_is_sure_of_nothing_has_no_category():
    assert a_classifier().surely(likely(0.4, 0.3, 0.3)) == [None]


def test_without_a_threshold_nothing_is_believed():
    assert a_classifier(threshold=None).surely(likely(0.98, 0.01, 0.01)) == [None]


def test_what_is_written_reads_back(tmp_path):
    classifier = CategoryClassifier.load(written(tmp_path, a_classifier()))

    assert classifier.surely(likely(0.85, 0.1, 0.05)) == a_classifier().surely(likely(0.85, 0.1, 0.05))


def test_weights_of_another_manifest_are_refused(tmp_path):
    written(tmp_path, a_classifier())
    other = CategoryClassifier(a_classifier().manifest, 2 * np.eye(3, dtype=np.float32), np.ones(3, dtype=np.float32))

    (tmp_path / WEIGHTS).write_bytes(other.packed())

    with pytest.raises(ReleaseRefused, match=WEIGHTS):
        CategoryClassifier.load(tmp_path)


def test_weights_for_other_categories_are_refused(tmp_path):
    classifier = a_classifier()
    written(tmp_path, CategoryClassifier(classifier.manifest, np.eye(3, 4, dtype=np.float32), classifier.bias))

    with pytest.raises(ReleaseRefused, match=r"\(3, 4\)"):
        CategoryClassifier.load(tmp_path)


def test_a_folder_without_a_classifier_is_refused(tmp_path):
    with pytest.raises(ReleaseRefused, match="classifier"):
        CategoryClassifier.load(tmp_path)
