import numpy as np
import pytest

from relevance.fusion import fused_scores


def floats(*values):
    return np.array(values, dtype=np.float32)


def test_the_best_on_both_sides_scores_one():
    fused = fused_scores(floats(8, 2, 0), floats(0.9, 0.1, 0.5), lexical_share=0.5)

    # .5 * 1 + .5 * 1, .5 * 2/8 + .5 * .1/.9, .5 * 0 + .5 * .5/.9
    np.testing.assert_allclose(fused, [1.0, 0.125 + 0.05 / 0.9, 0.25 / 0.9], rtol=1e-6)


def test_a_longer_list_changes_no_score():
    bm25, cosines = floats(8, 2, 0, 0), floats(0.9, 0.1, 0.5, -0.3)

    longer = fused_scores(bm25, cosines, lexical_share=0.5)

    np.testing.assert_allclose(longer[:3], fused_scores(bm25[:3], cosines[:3], lexical_share=0.5))
    assert longer[3] == 0


def test_without_a_vector_words_decide_alone():
    np.testing.assert_allclose(fused_scores(floats(8, 2, 0), None, lexical_share=0.5), [1.0, 0.25, 0.0])


@pytest.mark.parametrize("cosines", [None, floats(0, 0), floats(-0.3, -0.1)])
def test_nothing_to_tell_products_apart_gives_zeros(cosines):
    np.testing.assert_allclose(fused_scores(floats(0, 0), cosines, lexical_share=0.5), [0, 0])


def test_no_products_give_no_scores():
    assert fused_scores(floats(), floats(), lexical_share=0.5).shape == (0,)
