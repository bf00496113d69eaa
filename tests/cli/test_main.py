import pytest

from cli.main import main


def test_a_whole_release_is_described(release_folder, capsys):
    assert main(["release", "check", str(release_folder)]) == 0

    said = capsys.readouterr().out
    assert release_folder.name in said
    assert "every one as promised" in said
    assert "linear-1" in said


def test_a_folder_that_is_no_release_is_said_to_be_none(tmp_path, capsys):
    assert main(["release", "check", str(tmp_path)]) == 1

    assert "it has no manifest.json" in capsys.readouterr().err


def test_an_address_that_does_not_answer_is_named_with_what_to_do(capsys):
    assert main(["search", "lamp", "--address", "http://127.0.0.1:9"]) == 1

    assert "http://127.0.0.1:9 does not answer" in capsys.readouterr().err


def test_a_command_is_needed(capsys):
    with pytest.raises(SystemExit):
        main([])

    assert "COMMAND" in capsys.readouterr().err
