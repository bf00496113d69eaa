import numpy as np
import pytest
from scipy import sparse

torch = pytest.importorskip("torch")

from models.purchases import SECONDS_A_DAY, PurchaseLog  # noqa: E402
from models.recommenders import biased_factorisation, ease, item_knn, linear, popularity  # noqa: E402
from tests.models.purchase_logs import FIRST_DAY, a_basket  # noqa: E402

DAY = int(FIRST_DAY.timestamp()) // SECONDS_A_DAY


def two_tastes(shoppers: int = 40, products: int = 12):
    """Even shoppers buy of the first half of the products, odd ones of the second."""
    generator = np.random.default_rng(0)
    bought = (generator.random((shoppers, products)) < 0.6).astype(np.float32)
    bought[::2, products // 2 :] = 0
    bought[1::2, : products // 2] = 0
    return sparse.csr_matrix(bought)


def test_popularity_counts_a_shopper_once_and_halves_with_age():
    log = PurchaseLog.of([a_basket("ann", 0, "a", "b"), a_basket("ann", 7, "a"), a_basket("bob", 7, "b")])

    ever = popularity(log, DAY + 14)(np.array([0]))
    of_late = popularity(log, DAY + 14, half_life_days=7)(np.array([0]))

    assert ever.tolist() == [[1, 2]]
    np.testing.assert_allclose(of_late, [[0.5, 0.75]])


def test_item_knn_is_the_cosine_of_the_shoppers():
    bought = sparse.csr_matrix(np.array([[1, 1, 0], [1, 0, 1], [1, 1, 0]], dtype=np.float32))

    weights = item_knn(bought, neighbours=1, shrinkage=0)

    np.testing.assert_allclose(weights[0], [0, 2 / np.sqrt(6), 0], rtol=1e-6)


def test_ease_is_the_least_squares_with_nothing_on_the_diagonal():
    bought = two_tastes()
    x = bought.toarray().astype(np.float64)

    weights = ease(bought, regularisation=5.0)

    others = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
    by_itself = np.linalg.solve(x[:, others].T @ x[:, others] + 5 * np.eye(11), x[:, others].T @ x[:, 0])
    np.testing.assert_allclose(weights[others, 0], by_itself, atol=1e-4)
    assert not np.diagonal(weights).any()


def test_products_of_alike_texts_speak_for_each_other_though_nobody_bought_both():
    bought = sparse.csr_matrix(np.eye(3, dtype=np.float32))
    texts = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], dtype=np.float32)

    weights = ease(bought, regularisation=1.0, texts=texts, text_weight=1.0)

    assert weights[0, 1] > 0
    assert weights[0, 2] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("way", ["ease", "knn", "factorisation"])
def test_a_shopper_is_proposed_more_of_the_own_taste(way):
    bought = two_tastes()
    score = {
        "ease": lambda: linear(bought, ease(bought, regularisation=5.0)),
        "knn": lambda: linear(bought, item_knn(bought, neighbours=5, shrinkage=1)),
        "factorisation": lambda: biased_factorisation(bought, dimension=4, epochs=60, weight_decay=0.01),
    }[way]()

    scores = score(np.arange(40))

    assert (scores[::2, :6].mean(axis=1) > scores[::2, 6:].mean(axis=1)).all()
    assert (scores[1::2, :6].mean(axis=1) < scores[1::2, 6:].mean(axis=1)).all()


def test_factorisation_is_the_same_for_the_same_seed():
    bought = two_tastes()

    one, other = (biased_factorisation(bought, dimension=4, epochs=3, weight_decay=0.01, seed=7) for _ in range(2))

    np.testing.assert_array_equal(one(np.arange(5)), other(np.arange(5)))
