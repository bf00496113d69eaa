import numpy as np

from models.purchases import SECONDS_A_DAY, PurchaseLog, Questions, found_next
from tests.models.purchase_logs import FIRST_DAY, a_basket

DAY = int(FIRST_DAY.timestamp()) // SECONDS_A_DAY


def test_only_what_was_bought_before_the_cut_is_known():
    log = PurchaseLog.of([a_basket("ann", 0, "cup"), a_basket("ann", 3, "pot"), a_basket("bob", 3, "jug")])

    past = log.before(DAY + 3)

    assert (past.shopper_ids, past.product_ids) == (["ann"], ["cup"])


def test_answers_are_known_products_that_are_new_to_a_known_shopper():
    log = PurchaseLog.of(
        [
            a_basket("ann", 0, "cup", "pot"),
            a_basket("bob", 1, "jug"),
            a_basket("ann", 5, "cup", "jug", "new"),
            a_basket("bob", 5, "jug"),
            a_basket("eve", 6, "cup"),
            a_basket("bob", 9, "cup"),
        ]
    )

    questions = Questions.at(log, DAY + 5, DAY + 9)

    assert [questions.past.shopper_ids[row] for row in questions.shoppers] == ["ann"]
    assert [questions.past.product_ids[row] for row in questions.answers[0]] == ["jug"]
    assert (questions.unknown_products, questions.unknown_purchases) == (1, 1)


def test_a_product_is_as_old_as_its_last_purchase():
    log = PurchaseLog.of([a_basket("ann", 0, "cup"), a_basket("ann", 1, "pot"), a_basket("ann", 4, "cup")])

    products, ages_days = log.last_bought(DAY + 6).of(0, longest=5)

    assert [log.product_ids[row] for row in products] == ["cup", "pot"]
    assert ages_days.tolist() == [2, 5]


def test_what_was_bought_before_is_not_proposed_and_recall_is_counted_by_hand():
    log = PurchaseLog.of([a_basket("ann", 0, "a"), a_basket("bob", 0, "b", "c", "d"), a_basket("ann", 2, "b", "d")])
    questions = Questions.at(log, DAY + 2)
    scores = np.array([[9.0, 3.0, 2.0, 1.0]])

    found = found_next(lambda rows: scores, questions, k=1)

    assert found.recall.tolist() == [0.5]  # b, of b and d
    assert found.of_possible.tolist() == [1.0]  # one place, one hit
    assert found.coverage == 0.25
