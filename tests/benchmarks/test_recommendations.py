import numpy as np
import pytest

pytest.importorskip("torch")

from benchmarks.recommendations import figures_of, usual_recommenders
from models.purchases import SECONDS_A_DAY, Found, PurchaseLog, Questions, found_next
from tests.models.purchase_logs import FIRST_DAY, walks


def found(*recall: float) -> Found:
    return Found(np.array(recall), np.array(recall), coverage=0.5)


def test_a_recommender_is_held_against_ease_over_the_same_shoppers():
    recommenders = {"EASE": found(0.0, 0.2, 0.4, 0.2), "other": found(0.1, 0.3, 0.5, 0.3)}

    figures = figures_of(recommenders["other"], recommenders, sizes=np.array([3, 20, 70, 90]))

    assert figures["recall20"] == 0.3
    assert figures["of_ease"] == 1.5
    assert figures["above_ease"] == {"mean": 0.1, "low": 0.1, "high": 0.1}
    assert figures["recall20_short_history"] == 0.1
    assert figures["recall20_long_history"] == 0.4


@pytest.mark.parametrize("name", [name for name in usual_recommenders() if name != "ALS (implicit)"])
def test_every_setting_that_is_tried_gives_a_score_for_every_product(name):
    products = [f"p{number:02}" for number in range(60)]
    log = PurchaseLog.of(walks(products, shoppers=30, steps=3))
    questions = Questions.at(log, int(FIRST_DAY.timestamp()) // SECONDS_A_DAY + 30)

    for _, recommender in usual_recommenders()[name]:
        score = recommender(questions.past, questions.cut)

        assert np.isfinite(score(questions.shoppers)).all()
        assert 0 <= found_next(score, questions).recall.mean() <= 1
