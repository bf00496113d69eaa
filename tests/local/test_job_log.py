"""A job's log as a person reads it."""

import pytest

from local.job_log import Measurement, cause, last_told, measurements

MEASURED = '{"at": "x", "level": "info", "job": "distil", "metric": "train:loss", "value": 0.25, "step": 3}'
SAID = '{"at": "x", "level": "info", "job": "distil", "message": "reading"}'
FAILED = '{"at": "x", "level": "error", "job": "distil", "message": "the data set is empty"}'


def test_metrics_are_found_between_messages_and_what_libraries_say(tmp_path):
    log = tmp_path / "log"
    log.write_text(f"a warning\n{SAID}\n{MEASURED}\n[1, 2]\n")

    assert measurements(log) == [Measurement("train:loss", 0.25, {"step": 3})]


def test_a_step_without_a_log_measured_nothing(tmp_path):
    assert measurements(tmp_path / "log") == []


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([MEASURED, SAID], "reading"),
        ([SAID, MEASURED], "train:loss 0.25 (step 3)"),
        ([SAID, "a warning"], "reading"),
        (["a warning"], "a warning"),
        ([], ""),
    ],
)
def test_what_is_going_on_is_what_the_job_told_last(tmp_path, lines, told):
    log = tmp_path / "log"
    log.write_text("\n".join(lines))

    assert last_told(log) == told


def test_the_cause_is_the_last_error_that_the_job_told(tmp_path):
    log = tmp_path / "log"
    log.write_text(f"{SAID}\n{FAILED}\nUserWarning: leaked\n")

    assert cause(log) == "the data set is empty"


def test_a_job_that_fell_without_a_word_leaves_its_last_lines(tmp_path):
    log = tmp_path / "log"
    log.write_text(f"{SAID}\nTraceback\nMemoryError\n")

    assert cause(log) == "reading\nTraceback\nMemoryError"
