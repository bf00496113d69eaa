"""What shoppers buy next that is new to them: the shopper model beside the usual recommenders, on two shops' purchases.

    make recommendations

Everything that is chosen, the others' settings as well, is chosen on the last two months before the cut, after learning
from the months before; then each learns from all that lies before the cut and is asked once about the time after.
`train_shopper`'s own functions train the model, and the file that it writes is what answers.
"""

import argparse
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from itertools import product as combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse.linalg import svds

from benchmarks.results_file import add_circumstances, write_results
from models.purchases import Found, PurchaseLog, Questions, Score, found_next
from models.recommenders import biased_factorisation, ease, item_knn, linear, popularity, shoppers_of_products
from models.shopper import ShopperNetwork
from relevance.arrays import Matrix, Rows
from relevance.catalogue import read_catalogue
from relevance.encoder import TextEncoder
from relevance.metrics import paired_bootstrap
from relevance.product_text import PRODUCT_TOKENS, embedding_text
from relevance.recommenders import LEAST_SAID, NextPurchases
from sagemaker_jobs.build_release import ARTEFACTS
from sagemaker_jobs.catalogues import complete_journey, online_retail
from sagemaker_jobs.catalogues.purchases import baskets_of
from sagemaker_jobs.train_shopper import (
    Blend,
    K,
    Training,
    assembled,
    choose,
    network_scores,
    train_network,
    trend_of,
    validation_questions,
)

SEED = 1
RANK = 128
"""A table of this rank is a dot product of two vectors, which an index of vectors can answer."""
LEAST_SHOWN = 0.2
"""The network's weight in the rows that are to show what it does, where none was chosen."""
SHORT, LONG = 10, 50
"""Products: who bought fewer than the one has a short history, who bought more than the other a long one."""

Recommender = Callable[[PurchaseLog, int], Score]
"""Learns from a past up to a cut."""


@dataclass(frozen=True)
class Shop:
    """Purchases, and where they are cut."""

    described: str
    log: PurchaseLog
    texts: Matrix
    """Shape (n, d), of the products of the log."""
    cut: int

    def texts_of(self, past: PurchaseLog) -> Matrix:
        """Of the products of a part of the log."""
        row_of = {product_id: row for row, product_id in enumerate(self.log.product_ids)}
        return self.texts[[row_of[product_id] for product_id in past.product_ids]]


def online_retail_shop(data: Path, encoder: TextEncoder) -> Shop:
    """Learnt from to 2011-08-31, asked about September and October."""
    log = PurchaseLog.of(baskets_of(online_retail.purchases(data)))
    texts = _texts(online_retail.lines(data), log, encoder)
    return Shop("Online Retail (CC BY 4.0)", log, texts, _day("2011-09-01"))


def complete_journey_shop(encoder: TextEncoder, most_products: int) -> Shop:
    """Learnt from to 2017-10-31, asked about November and December; of the products that most households bought."""
    log = PurchaseLog.of(baskets_of(complete_journey.purchases()))
    bought_by = shoppers_of_products(log, _day("2017-11-01"))
    kept = np.argsort(-bought_by, kind="stable")[:most_products]
    log = log.of_products(log.product_ids[row] for row in kept.tolist())
    texts = _texts(complete_journey.lines(), log, encoder)
    described = f"Complete Journey (simulated from real patterns; MIT), the {len(kept):,} products most bought"
    return Shop(described, log, texts, _day("2017-11-01"))


def usual_recommenders() -> dict[str, list[tuple[dict[str, float], Recommender]]]:
    """By name: every setting that is tried on the months before the cut, and what learns with it."""

    def grid(make: Callable[..., Recommender], **values: Sequence[float]) -> list[tuple[dict[str, float], Recommender]]:
        settings = [dict(zip(values, chosen, strict=True)) for chosen in combinations(*values.values())]
        return [(setting, make(**setting)) for setting in settings]

    return {
        "popularity": grid(lambda: popularity),
        "popularity of late": grid(
            lambda half_life_days: lambda past, cut: popularity(past, cut, half_life_days),
            half_life_days=(7, 14, 30, 60),
        ),
        "item-kNN": grid(
            lambda neighbours, shrinkage: (
                lambda past, cut: linear(past.bought, item_knn(past.bought, neighbours=neighbours, shrinkage=shrinkage))
            ),
            neighbours=(20, 50, 200, 10_000),
            shrinkage=(0, 20, 100),
        ),
        "matrix factorisation with biases": grid(
            lambda dimension, epochs, weight_decay: (
                lambda past, cut: biased_factorisation(
                    past.bought, dimension=dimension, epochs=epochs, weight_decay=weight_decay, seed=SEED
                )
            ),
            dimension=(32, 64),
            epochs=(10, 20, 40),
            weight_decay=(0.1,),
        ),
        "ALS (implicit)": grid(
            lambda factors, regularization, alpha: lambda past, cut: _als(past, factors, regularization, alpha),
            factors=(32, 64, 128),
            regularization=(1, 10),
            alpha=(1, 5, 20),
        ),
        "EASE": grid(
            lambda regularisation: (
                lambda past, cut: linear(past.bought, ease(past.bought, regularisation=regularisation))
            ),
            regularisation=(50, 100, 200, 300, 400, 500, 600, 800, 1200, 2000),
        ),
    }


def measure(shop: Shop, training: Training) -> dict[str, Any]:
    """Tune, learn, ask; the figures of every recommender."""
    train = shop.log.before(shop.cut)
    questions = Questions.at(shop.log, shop.cut)
    tuning = validation_questions(train, training)
    sizes = np.diff(train.bought.indptr)[questions.shoppers]
    found: dict[str, Found] = {}
    chosen: dict[str, Any] = {}
    for name, settings in usual_recommenders().items():
        on_tuning = [float(_ask(recommender, tuning).recall.mean()) for _, recommender in settings]
        best = int(np.argmax(on_tuning))
        chosen[name] = {"settings": settings[best][0], "before_the_cut": round(on_tuning[best], 4)}
        found[name] = _ask(settings[best][1], questions)
        _say(name, found[name], chosen[name])
    texts = shop.texts_of(train)
    tried, _ = choose(train, texts, training)
    network, _ = train_network(train, train.end, texts, training, epochs=tried.epochs)
    weights = _ease_of(train, texts, tried.blend)
    model = assembled(train, weights, network, training, tried.blend)
    chosen["shopper model"] = {
        "settings": asdict(tried.blend),
        "epochs": tried.epochs,
        "before_the_cut": round(tried.recall, 4),
    }
    found |= ablations(questions, weights, network, tried.blend)
    found["shopper model"] = found_next(score_of(model, questions), questions, K)
    for name in list(found)[len(chosen) - 1 :]:
        _say(name, found[name], chosen.get(name))
    return {
        "described": shop.described,
        "learnt_until": str(date.fromordinal(date(1970, 1, 1).toordinal() + shop.cut - 1)),
        "shoppers_learnt_from": len(train.shopper_ids),
        "products": len(train.product_ids),
        "shoppers_asked": len(questions.shoppers),
        "answers": sum(len(answers) for answers in questions.answers),
        "products_new_to_the_shop": questions.unknown_products,
        "purchases_of_products_new_to_the_shop": questions.unknown_purchases,
        "chosen_before_the_cut": chosen,
        "tried_before_the_cut": tried.settings,
        "recommenders": {name: figures_of(one, found, sizes) for name, one in found.items()},
    }


def ablations(questions: Questions, weights: Matrix, network: ShopperNetwork, blend: Blend) -> dict[str, Found]:
    """The shopper model's parts alone and together, settings and weights as they were chosen for the whole.

    Args:
        questions: What is asked.
        weights: Of the products that speak for each other, shape (n, n).
        network: Learnt from the same past.
        blend: As it was chosen.
    """
    past, cut = questions.past, questions.cut
    sequence = network_scores(network, past, cut, questions.shoppers)
    trend = trend_of(past, cut, blend.trend_half_life_days)
    bought = past.bought[questions.shoppers]

    def said(weights: Matrix) -> Matrix:
        logarithms: Matrix = np.log(np.maximum(bought @ weights, LEAST_SAID))
        return logarithms

    plain, with_texts = said(ease(past.bought, regularisation=blend.regularisation)), said(weights)
    left, sizes, right = svds(weights.astype(np.float64), k=RANK, random_state=SEED)
    of_rank = said(((left * sizes) @ right).astype(np.float32))
    late = blend.trend_weight * trend
    shown = max(blend.sequence_weight, LEAST_SHOWN)
    scores = {
        "the network alone": sequence,
        "EASE with texts": with_texts,
        "EASE with trend": plain + late,
        f"EASE with the network, weight {shown:g}": plain + shown * sequence,
        "EASE with texts and trend": with_texts + late,
        f"EASE with texts, trend and the network, weight {shown:g}": with_texts + late + shown * sequence,
        f"EASE with texts and trend, of rank {RANK}": of_rank + late,
    }
    return {name: found_next(_looked_up(part, questions), questions, K) for name, part in scores.items()}


def score_of(model: NextPurchases, questions: Questions) -> Score:
    """What the trained file answers, shopper by shopper."""
    last = questions.past.last_bought(questions.cut)

    def score(rows: Rows) -> Matrix:
        return np.stack([model.scores(*last.of(row, len(model.product_ids))) for row in rows.tolist()])

    return score


def figures_of(one: Found, found: Mapping[str, Found], sizes: NDArray[np.int64]) -> dict[str, Any]:
    """Means, by length of history, and the difference from EASE over the same shoppers."""
    above = paired_bootstrap(one.recall.tolist(), found["EASE"].recall.tolist(), SEED)
    segments = {"short": sizes < SHORT, "middle": (sizes >= SHORT) & (sizes <= LONG), "long": sizes > LONG}
    return {
        f"recall{K}": round(float(one.recall.mean()), 4),
        f"recall{K}_of_possible": round(float(one.of_possible.mean()), 4),
        "of_ease": round(float(one.recall.mean() / found["EASE"].recall.mean()), 3),
        "above_ease": {name: round(value, 4) for name, value in asdict(above).items()},
        "coverage": round(one.coverage, 3),
        **{
            f"recall{K}_{name}_history": round(float(one.recall[chosen].mean()), 4)
            for name, chosen in segments.items()
            if chosen.any()
        },
    }


def _ease_of(past: PurchaseLog, texts: Matrix, blend: Blend) -> Matrix:
    return ease(past.bought, regularisation=blend.regularisation, texts=texts, text_weight=blend.text_weight)


def _ask(recommender: Recommender, questions: Questions) -> Found:
    return found_next(recommender(questions.past, questions.cut), questions, K)


def _looked_up(scores: Matrix, questions: Questions) -> Score:
    return lambda rows: scores[np.searchsorted(questions.shoppers, rows)]


def _als(past: PurchaseLog, factors: float, regularization: float, alpha: float) -> Score:
    from implicit.als import AlternatingLeastSquares  # of the peers' environment

    model = AlternatingLeastSquares(
        factors=int(factors),
        regularization=regularization,
        alpha=alpha,
        iterations=15,
        random_state=SEED,
        num_threads=1,
    )
    model.fit(past.bought, show_progress=False)
    return lambda rows: np.asarray(model.user_factors[rows] @ model.item_factors.T)


def _texts(lines: Any, log: PurchaseLog, encoder: TextEncoder) -> Matrix:
    products = {product.product_id: product for product in read_catalogue(lines).products}
    texts = [embedding_text(products[product_id]) for product_id in log.product_ids]
    return encoder.encode_batch(texts, max_tokens=PRODUCT_TOKENS)


def _day(text: str) -> int:
    return (date.fromisoformat(text) - date(1970, 1, 1)).days


def _say(name: str, found: Found, chosen: Any) -> None:
    print(f"{name:40} {found.recall.mean():.4f} {found.of_possible.mean():.4f} {found.coverage:.2f}", chosen or "")
    sys.stdout.flush()


def main() -> int:
    """Measure, print, write `recommendations.json` and `recommendations_complete_journey.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_circumstances(parser)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--shops", nargs="+", default=["online_retail", "complete_journey"])
    parser.add_argument("--products", type=int, default=4000, help="of Complete Journey: those most bought")
    given = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    torch.set_num_threads(given.threads)
    encoder = TextEncoder.load(ARTEFACTS / "encoder", threads=given.threads)
    if "online_retail" in given.shops:
        figures = measure(online_retail_shop(given.data, encoder), Training(seed=SEED))
        print(write_results("recommendations", given, figures, data=[online_retail.FILE]))
    if "complete_journey" in given.shops:
        figures = measure(complete_journey_shop(encoder, given.products), Training(seed=SEED, epochs=6))
        print(write_results("recommendations_complete_journey", given, figures, data=[]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
