import math

import pytest
import torch
from torch import nn

from relevance.errors import VitrineError
from sagemaker_jobs.checkpoints import NONE_KEPT, Checkpoints
from sagemaker_jobs.fitting import Course, fit

COURSE = Course(
    steps=8, queries=4, learning_rate=0.1, warm_up=2, weight_decay=0.0, evaluations=4, metric="validation:quality"
)


class Interrupted(Exception):
    pass


def a_network():
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 1)).train()


def a_step(network, *, fails_at=None):
    def step(number):
        if number == fails_at:
            raise Interrupted
        loss = network(torch.full((4, 3), number / 8)).square().mean()
        loss.backward()
        return loss.item()

    return step


def weights(network):
    return torch.cat([each.detach().flatten() for each in network.parameters()])


def test_an_interrupted_training_ends_as_one_that_was_not_to_the_last_bit(tmp_path):
    whole, halves = a_network(), a_network()
    torch.manual_seed(7)
    fit(whole, a_step(whole), lambda: 0.0, COURSE, NONE_KEPT)

    torch.manual_seed(7)
    with pytest.raises(Interrupted):
        fit(halves, a_step(halves, fails_at=6), lambda: 0.0, COURSE, Checkpoints(tmp_path, {}))
    goes_on = a_network()
    torch.manual_seed(99)  # another state of dropout than the one that was kept
    fit(goes_on, a_step(goes_on), lambda: 0.0, COURSE, Checkpoints(tmp_path, {}))

    assert torch.equal(weights(goes_on), weights(whole))


def test_the_weights_of_the_best_evaluation_stay():
    network, seen = a_network(), []
    qualities = iter([0.2, 0.9, 0.1, 0.3])

    def evaluate():
        seen.append(weights(network))
        return next(qualities)

    fitted = fit(network, a_step(network), evaluate, COURSE, NONE_KEPT, best_so_far=0.0)

    assert fitted.best == 0.9
    assert torch.equal(weights(network), seen[1])


def test_the_weights_it_began_with_stay_where_no_evaluation_was_better():
    network = a_network()
    before = weights(network)

    fitted = fit(network, a_step(network), lambda: 0.4, COURSE, NONE_KEPT, best_so_far=0.5)

    assert fitted.best == 0.5
    assert torch.equal(weights(network), before)


def test_the_last_weights_stay_where_no_worth_is_named():
    network, seen = a_network(), []
    qualities = iter([0.9, 0.2, 0.1, 0.3])

    def evaluate():
        seen.append(weights(network))
        return next(qualities)

    fit(network, a_step(network), evaluate, COURSE, NONE_KEPT)

    assert torch.equal(weights(network), seen[-1])


def test_it_stops_after_as_many_evaluations_without_a_better_one_as_its_patience_has():
    network, qualities = a_network(), iter([0.9, 0.2, 0.1])

    fitted = fit(
        network,
        a_step(network),
        lambda: next(qualities),
        Course(**{**vars(COURSE), "patience": 2}),
        NONE_KEPT,
        best_so_far=0.0,
    )

    assert [entry["quality"] for entry in fitted.history if "quality" in entry] == [0.9, 0.2, 0.1]


def test_a_loss_that_is_no_number_stops_it_with_the_step_and_the_learning_rate():
    network = a_network()

    def step(number):
        return math.nan if number == 3 else a_step(network)(number)

    with pytest.raises(VitrineError, match=r"step 3: the loss is nan, expected a number; .* learning rate of 0\.1"):
        fit(network, step, lambda: 0.0, COURSE, NONE_KEPT)
