"""What a run sets is read whole, or refused with the file, the table and the key."""

import pytest

from sagemaker_jobs.configuration import FOLDER, ConfigurationRefused, read_configuration
from sagemaker_jobs.graph import KINDS, STEPS


def a_configuration(tmp_path, text):
    file = tmp_path / "mine.toml"
    file.write_text(text)
    return str(file)


def test_options_become_a_command_line_in_the_alphabets_order(tmp_path):
    file = a_configuration(tmp_path, "[train_encoder]\nlearning-rate = 2e-5\nepochs = 3\nbase = 'a/b'\n")

    read = read_configuration(file)

    assert read.arguments("train_encoder") == ["--base", "a/b", "--epochs", "3", "--learning-rate", "2e-05"]
    assert read.arguments("embed") == []


def test_a_whole_number_will_do_for_a_number(tmp_path):
    file = a_configuration(tmp_path, "[train_encoder]\nkeep = 1\n")

    assert read_configuration(file).options["train_encoder"]["keep"] == 1.0


def test_a_step_that_the_others_can_do_without_may_be_skipped(tmp_path):
    file = a_configuration(tmp_path, "skip = ['train_teacher']\n")

    names = [step.name for step in read_configuration(file).steps()]

    assert names == [step.name for step in STEPS if step.name != "train_teacher"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("epochs = 3", "epochs is no step; expected products, skip, or a table named one of prepare, "),
        ("[train_encodr]\nepochs = 3", "train_encodr is no step"),
        (
            "[train_encoder]\nepoch = 3",
            r"\[train_encoder\] epoch is no option of that step, expected one of base, .*epochs",
        ),
        ("[train_encoder]\nepochs = 'many'", r"\[train_encoder\] epochs is 'many', expected a whole number"),
        ("[train_encoder]\nepochs = 1.5", r"\[train_encoder\] epochs is 1.5, expected a whole number"),
        ("[train_encoder]\nepochs = true", r"\[train_encoder\] epochs is True, expected a whole number"),
        ("[train_encoder]\nlearning-rate = '2e-5'", r"learning-rate is '2e-5', expected a number"),
        ("[embed]\nseed = 1", r"\[embed\] seed is no option of that step, expected none"),
        ("products = 1", "products is 1, expected a whole number from 2"),
        ("skip = 'train_teacher'", "skip is 'train_teacher', expected a list of steps"),
        ("skip = ['teacher']", "skip: teacher is no step"),
        ("skip = ['embed']", "skip: distil cannot do without the result of embed"),
        ("skip = ['evaluate']", "skip: evaluate decides whether a release is registered"),
        ("[prepare", "mine.toml: "),
    ],
)
def test_what_does_not_fit_the_graph_is_refused(tmp_path, text, told):
    file = a_configuration(tmp_path, text)

    with pytest.raises(ConfigurationRefused, match=told):
        read_configuration(file)


def test_a_name_that_is_not_there_is_answered_with_those_that_are():
    with pytest.raises(ConfigurationRefused, match=r"configuration large: .*; name a .toml file, or one of .*small"):
        read_configuration("large")


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.toml")))
def test_every_configuration_that_ships_fits_the_graph(name):
    assert read_configuration(name).name == name


def test_every_option_of_the_graph_has_a_kind():
    options = {option for step in STEPS for option in step.parameters}

    assert options == set(KINDS)
