"""The loop that fits a network step by step: schedule, progress, evaluations, and the checkpoint to go on from."""

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from relevance.errors import VitrineError
from relevance.progress import pace
from sagemaker_jobs.checkpoints import Checkpoints
from sagemaker_jobs.job import measured, say
from sagemaker_jobs.processes import rank

LONGEST_GRADIENT = 1.0
_REPORTS = 40


@dataclass(frozen=True, kw_only=True)
class Course:
    """How long and how fast a network learns."""

    steps: int
    queries: int
    """That a step reads, over all processes."""
    learning_rate: float
    """The highest; it grows over the steps of the warm-up, then falls in a straight line."""
    warm_up: int
    lowest: float = 0.0
    """In [0, 1]: the share of the learning rate below which it never falls."""
    weight_decay: float
    evaluations: int
    """Evenly spaced, the last one after the last step."""
    metric: str
    """What an evaluation measures, such as `validation:ndcg10`; higher is better."""
    patience: int | None = None
    """Evaluations without a better one before it stops; None: it learns to the end."""


@dataclass
class Fitted:
    """What was measured on the way."""

    history: list[dict[str, float]] = field(default_factory=list)
    best: float = -math.inf
    """Of the evaluations."""
    queries_per_second: float = 0.0


def fit(
    network: nn.Module,
    step: Callable[[int], float],
    evaluate: Callable[[], float],
    course: Course,
    checkpoints: Checkpoints,
    *,
    best_so_far: float | None = None,
) -> Fitted:
    """Fit the weights in place.

    Args:
        network: In the mode, training or evaluation, that it shall learn in.
        step: Given a number from 1 up, adds one batch's gradient and returns its loss. What it draws should depend on
            that number alone, so that a training that was interrupted draws the same as one that was not.
        evaluate: How good the network is now.
        course: How it learns.
        checkpoints: The state is kept there after each evaluation.
        best_so_far: What the network is worth before the first step: the weights of the best evaluation stay then, or
            those it began with where none was better. None: the last weights stay.

    Raises:
        VitrineError: If the loss is no number any more, or the checkpoint is damaged or of another training.
    """
    optimiser = torch.optim.AdamW(network.parameters(), lr=course.learning_rate, weight_decay=course.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda done: min(1, (done + 1) / course.warm_up) * max(course.lowest, 1 - done / course.steps)
    )
    parts = range(1, course.evaluations + 1)
    evaluated_after = {max(1, round(course.steps * part / course.evaluations)) for part in parts}
    reported_every = max(1, course.steps // _REPORTS)
    found, first, unimproved = Fitted(), 1, 0
    keeps_best = best_so_far is not None
    best_weights: dict[str, Any] | None = None
    if best_so_far is not None:
        found.best, best_weights = best_so_far, copy.deepcopy(network.state_dict())
    if (state := checkpoints.last()) is not None:
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        schedule.load_state_dict(state["schedule"])
        torch.set_rng_state(state["dropout"])
        found.history, found.best, best_weights = state["history"], state["best"], state["best_weights"]
        unimproved, first = state["unimproved"], state["step"] + 1
        say(f"going on from step {state['step']} of {course.steps}")
    begun, losses = time.monotonic(), 0.0
    for number in range(first, course.steps + 1):
        loss = step(number)
        if not math.isfinite(loss):
            raise VitrineError(
                f"step {number}: the loss is {loss}, expected a number; the training diverges at a learning rate of "
                f"{course.learning_rate:g}"
            )
        torch.nn.utils.clip_grad_norm_(network.parameters(), LONGEST_GRADIENT)
        optimiser.step()
        optimiser.zero_grad()
        schedule.step()
        losses += loss
        done, seconds = number - first + 1, max(time.monotonic() - begun, 1e-9)
        found.queries_per_second = done * course.queries / seconds
        if number % reported_every == 0:
            measured("train:loss", losses / reported_every, step=number)
            steps = pace(done, course.steps - first + 1, seconds)
            say(f"steps: {steps}; {found.queries_per_second:.0f} queries/s")
            found.history.append({"step": number, "loss": losses / reported_every})
            losses = 0.0
        if number in evaluated_after:
            quality = evaluate()
            measured(course.metric, quality, step=number)
            found.history.append({"step": number, course.metric.rpartition(":")[2]: quality})
            unimproved += 1
            if quality > found.best:
                found.best, unimproved = quality, 0
                best_weights = copy.deepcopy(network.state_dict()) if keeps_best else None
            if rank() == 0:
                checkpoints.keep(
                    {
                        "network": network.state_dict(),
                        "optimiser": optimiser.state_dict(),
                        "schedule": schedule.state_dict(),
                        "dropout": torch.get_rng_state(),
                        "history": found.history,
                        "best": found.best,
                        "best_weights": best_weights,
                        "unimproved": unimproved,
                        "step": number,
                    }
                )
            if unimproved == course.patience:
                say(f"{unimproved} evaluations without a better one: enough")
                break
    if best_weights is not None:
        network.load_state_dict(best_weights)
    return found
