import json
import re

import pytest

from relevance.errors import VitrineError
from sagemaker_jobs.job import DONE, STOPPED, measured, metric_regex, replace_file, run, say


def lines(capsys):
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_job_that_ends_well_says_what_it_measured(capsys):
    def job(_):
        say("half way")
        measured("train:loss", 0.25, step=3)

    status = run("a_job", job)

    told, found = lines(capsys)
    assert status == DONE
    assert (told["job"], told["message"]) == ("a_job", "half way")
    assert (found["metric"], found["value"], found["step"]) == ("train:loss", 0.25, 3)


@pytest.mark.parametrize("value", [0.25, 1e-7, -3.5, 123456.75, 0, 1e-5])
def test_sagemakers_expression_finds_the_metric(capsys, value):
    run("a_job", lambda _: measured("train:loss", value))

    (found,) = re.findall(metric_regex("train:loss"), capsys.readouterr().err)

    assert float(found) == pytest.approx(value, abs=1e-6)


def test_another_metric_is_not_taken_for_it(capsys):
    run("a_job", lambda _: measured("validation:loss", 1.0))

    assert not re.findall(metric_regex("n:loss"), capsys.readouterr().err)


@pytest.mark.parametrize("error", [VitrineError("products.jsonl: line 3"), FileNotFoundError("products.jsonl: line 3")])
def test_the_cause_is_the_last_line(capsys, error):
    def job(_):
        say("begun")
        raise error

    status = run("a_job", job)

    last = lines(capsys)[-1]
    assert status == STOPPED
    assert (last["level"], last["message"]) == ("error", "products.jsonl: line 3")


def test_a_fault_of_the_job_is_no_message():
    def job(_):
        raise KeyError("a fault")

    with pytest.raises(KeyError):
        run("a_job", job)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_metric_that_is_no_number_stops_the_job(value, capsys):
    assert run("a_job", lambda _: measured("train:loss", value)) == STOPPED
    assert "train:loss is" in lines(capsys)[-1]["message"]


def test_a_file_is_replaced_whole(tmp_path):
    replace_file(tmp_path / "new" / "file", b"first")
    replace_file(tmp_path / "new" / "file", b"second")

    assert (tmp_path / "new" / "file").read_bytes() == b"second"
    assert len(list((tmp_path / "new").iterdir())) == 1
