from graphlib import CycleError

import pytest

from sagemaker_jobs.folders import PROJECT
from sagemaker_jobs.graph import GATE, INPUTS, KINDS, STEPS, Step, in_order, needs, step


def test_every_step_is_a_job():
    for job in STEPS:
        assert (PROJECT / "sagemaker_jobs" / f"{job.name}.py").is_file()


def test_a_step_comes_after_what_it_needs():
    order = [job.name for job in in_order()]

    for job in STEPS:
        assert all(order.index(needed) < order.index(job.name) for needed in needs(job))


def test_every_channel_comes_from_a_step_or_from_outside():
    names = {job.name for job in STEPS}
    for job in STEPS:
        assert set(job.inputs.values()) <= names | set(INPUTS)
        assert set(job.optional) <= set(job.inputs)
        assert set(job.after) <= names


def test_every_option_has_a_kind():
    assert {option for job in STEPS for option in job.parameters} <= set(KINDS)


def test_the_gate_is_a_metric_of_its_step():
    name, metric = GATE

    assert metric in step(name).metrics


def test_steps_that_need_each_other_are_refused():
    with pytest.raises(CycleError):
        in_order([Step("a", {"x": "b"}), Step("b", {"x": "a"})])
