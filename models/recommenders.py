"""The usual ways to tell what a shopper buys next, which the shopper model is held against, and which it builds on.

Each learns from a log's `bought` matrix of shoppers and products, and gives a `Score`.
"""

import numpy as np
import torch
from scipy import sparse
from torch.nn import functional

from models.purchases import PurchaseLog, Score
from relevance.arrays import Matrix, Rows, Vector


def popularity(past: PurchaseLog, cut: int, half_life_days: float | None = None) -> Score:
    """The products that most shoppers bought, the same for everybody.

    Args:
        past: To learn from.
        cut: The day that is now.
        half_life_days: After how long a purchase counts half; None for all alike.
    """
    shoppers = shoppers_of_products(past, cut, half_life_days)
    return lambda rows: np.tile(shoppers, (len(rows), 1))


def shoppers_of_products(past: PurchaseLog, cut: int, half_life_days: float | None = None) -> Vector:
    """How many shoppers bought each product, those whose last purchase of it is old counting less; shape (n,)."""
    last = past.last_bought(cut)
    weights = None if half_life_days is None else np.exp2(-last.ages_days / half_life_days)
    return np.bincount(last.products, weights, len(past.product_ids)).astype(np.float32)


def item_knn(bought: sparse.csr_matrix, *, neighbours: int, shrinkage: float) -> Matrix:
    """What each product says for each other: the cosine of their shoppers, of its nearest alone; shape (n, n).

    Args:
        bought: Shape (shoppers, n).
        neighbours: How many products each product speaks for.
        shrinkage: Added to the denominator, so that two products of the same single shopper are not alike.

    Source:
        Deshpande and Karypis, Item-based top-N recommendation algorithms, TOIS 2004; shrinkage as in Bell and Koren.
    """
    together = _together(bought)
    lengths = np.sqrt(np.diagonal(together))
    weights: Matrix = (together / (np.outer(lengths, lengths) + np.float32(shrinkage))).astype(np.float32)
    np.fill_diagonal(weights, 0)
    return nearest_alone(weights, neighbours)


def ease(
    bought: sparse.csr_matrix, *, regularisation: float, texts: Matrix | None = None, text_weight: float = 0.0
) -> Matrix:
    """What each product says for each other: the least squares in closed form, diagonal 0; shape (n, n).

    Args:
        bought: Shape (shoppers, n).
        regularisation: Above 0.
        texts: Vectors of the products, shape (n, d): each of their d numbers counts like a shopper who bought
            products in that amount, so that products of alike texts speak for each other.
        text_weight: How much.

    Source:
        Steck, Embarrassingly shallow autoencoders for sparse data, WWW 2019; with side information as in Jeunen, Van
        Balen and Goethals, Closed-form models for collaborative filtering with side-information, RecSys 2020.
    """
    together = _together(bought)
    if texts is not None and text_weight:
        together += np.float32(text_weight) * (texts @ texts.T)
    together[np.diag_indices_from(together)] += np.float32(regularisation)
    inverse: Matrix = np.linalg.inv(together).astype(np.float32, copy=False)
    weights: Matrix = inverse / -np.diagonal(inverse)
    np.fill_diagonal(weights, 0)
    return weights


def linear(bought: sparse.csr_matrix, weights: Matrix) -> Score:
    """The sum of what a shopper's products say: the scores of `item_knn` and of `ease`."""
    return lambda rows: np.asarray(bought[rows] @ weights)


def nearest_alone(weights: Matrix, neighbours: int) -> Matrix:
    """Of each row the largest weights, the others 0; shape (n, n)."""
    if neighbours >= len(weights):
        return weights
    left_out = np.argpartition(-weights, neighbours - 1, axis=1)[:, neighbours:]
    kept = weights.copy()
    np.put_along_axis(kept, left_out, 0, axis=1)
    return kept


def biased_factorisation(
    bought: sparse.csr_matrix,
    *,
    dimension: int,
    epochs: int,
    weight_decay: float,
    learning_rate: float = 0.02,
    seed: int = 1,
) -> Score:
    """Matrix factorisation with biases: logistic(mean + shopper's bias + product's bias + shopper . product).

    Every product that a shopper did not buy counts as one that was not wanted, in batches of shoppers.

    Source:
        Koren, Bell and Volinsky, Matrix factorization techniques for recommender systems, IEEE Computer 2009, with
        the loss of Johnson, Logistic matrix factorization for implicit feedback data, 2014.
    """
    generator = torch.Generator().manual_seed(seed)
    shoppers, products = bought.shape
    of_shoppers = (torch.randn(shoppers, dimension, generator=generator) * 0.1).requires_grad_()
    of_products = (torch.randn(products, dimension, generator=generator) * 0.1).requires_grad_()
    share = bought.nnz / (shoppers * products)
    shopper_bias = torch.full((shoppers, 1), float(np.log(share / (1 - share)))).requires_grad_()
    product_bias = torch.zeros(products, requires_grad=True)
    optimiser = torch.optim.AdamW(
        [
            {"params": [of_shoppers, of_products], "weight_decay": weight_decay},
            {"params": [shopper_bias, product_bias], "weight_decay": 0.0},
        ],
        lr=learning_rate,
    )
    for _ in range(epochs):
        order = torch.randperm(shoppers, generator=generator)
        for begin in range(0, shoppers, 256):
            rows = order[begin : begin + 256]
            wanted = torch.from_numpy(bought[rows.numpy()].toarray())
            logits = shopper_bias[rows] + product_bias + of_shoppers[rows] @ of_products.T
            loss = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="sum") / len(rows)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    left, right = of_shoppers.detach().numpy(), of_products.detach().numpy()
    biases = product_bias.detach().numpy()

    def score(rows: Rows) -> Matrix:
        scores: Matrix = left[rows] @ right.T + biases  # a shopper's own bias does not change the order
        return scores

    return score


def _together(bought: sparse.csr_matrix) -> Matrix:
    """How many shoppers bought both of two products, shape (n, n)."""
    return np.asarray((bought.T @ bought).toarray(), dtype=np.float32)
