import gzip
import json

import pytest

from sagemaker_jobs import prepare_catalogue


@pytest.fixture
def prepare(tmp_path):
    def run(*lines):
        catalogue = tmp_path / "mine.jsonl"
        catalogue.write_text("\n".join(lines), encoding="utf-8")
        return prepare_catalogue.main(["--catalogue", str(catalogue), "--output", str(tmp_path / "out")])

    return run


def a_line(number, **fields):
    return json.dumps({"objectID": str(number), "title": f"Product {number}"} | fields)


def test_a_clean_catalogue_ends_with_0_and_is_written_line_by_line(prepare, tmp_path):
    status = prepare(a_line(1, price=9.99), a_line(2, shelf="A7"))

    written = [json.loads(line) for line in (tmp_path / "out" / "products.jsonl").read_text().splitlines()]
    assert status == 0
    assert written == [
        {"objectID": "1", "title": "Product 1", "price": 9.99},
        {"objectID": "2", "title": "Product 2", "shelf": "A7"},
    ]


def test_a_broken_line_ends_with_3_is_named_and_the_rest_is_kept(prepare, tmp_path, capsys):
    status = prepare(a_line(1), '{"objectID": "2"}', a_line(3))

    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert status == 3
    assert "refused: line 2: title is missing: expected text, not blank" in capsys.readouterr().err
    assert (report["products"], report["refused"]) == (2, 1)
    assert report["refused_lines"] == [{"line": 2, "text": "title is missing: expected text, not blank"}]


def test_many_broken_lines_are_named_up_to_twenty_and_then_counted(prepare, capsys):
    prepare(a_line(1), *["nonsense"] * 25)

    said = capsys.readouterr().err.splitlines()
    assert len(said) == 21
    assert said[-1] == "refused: 5 more, in report.json"


def test_nothing_usable_ends_with_1_and_leaves_the_last_catalogue_alone(prepare, tmp_path):
    prepare(a_line(1))

    status = prepare("nonsense")

    assert status == 1
    assert json.loads((tmp_path / "out" / "products.jsonl").read_text())["objectID"] == "1"
    assert json.loads((tmp_path / "out" / "report.json").read_text())["products"] == 0


def test_an_id_given_twice_is_a_warning_and_no_failure(prepare, capsys):
    status = prepare(a_line(1), a_line(1, title="Newer"))

    assert status == 0
    assert 'warning: line 2: objectID "1" again: replaces line 1' in capsys.readouterr().err


def test_no_half_written_file_stays(prepare, tmp_path):
    prepare(a_line(1))

    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["products.jsonl", "report.json"]


def test_a_compressed_catalogue_is_read(tmp_path):
    path = tmp_path / "mine.jsonl.gz"
    path.write_bytes(gzip.compress(a_line(1).encode()))

    assert prepare_catalogue.main(["--catalogue", str(path), "--output", str(tmp_path)]) == 0


@pytest.mark.parametrize(
    "content", [b"not gzip at all", gzip.compress(b"x" * 1000)[:-20], gzip.compress(b"x" * 9999)[:30]]
)
def test_a_damaged_compressed_catalogue_ends_with_1(content, tmp_path, capsys):
    path = tmp_path / "mine.jsonl.gz"
    path.write_bytes(content)

    status = prepare_catalogue.main(["--catalogue", str(path), "--output", str(tmp_path)])

    assert status == 1
    assert capsys.readouterr().err.startswith("prepare_catalogue: ")


def test_a_missing_file_ends_with_1_and_is_named(tmp_path, capsys):
    status = prepare_catalogue.main(["--catalogue", str(tmp_path / "gone.jsonl"), "--output", str(tmp_path)])

    assert status == 1
    assert "gone.jsonl" in capsys.readouterr().err


def test_a_shop_whose_data_are_elsewhere_says_what_to_do(tmp_path, capsys):
    status = prepare_catalogue.main(["--shop", "icecat", "--data", str(tmp_path), "--output", str(tmp_path / "out")])

    assert status == 1
    assert "VITRINE_DATA" in capsys.readouterr().err


def test_simulated_products_are_called_simulated(tmp_path):
    prepare_catalogue.main(["--shop", "complete_journey", "--output", str(tmp_path)])

    assert "simulated" in json.loads((tmp_path / "report.json").read_text())["source"]


def test_sagemaker_says_where_to_write(tmp_path, monkeypatch):
    monkeypatch.setenv("SM_OUTPUT_DATA_DIR", str(tmp_path / "out"))
    (tmp_path / "mine.jsonl").write_text(a_line(1))

    prepare_catalogue.main(["--catalogue", str(tmp_path / "mine.jsonl")])

    assert (tmp_path / "out" / "products.jsonl").is_file()


@pytest.mark.parametrize("arguments", [["--shop", "market"], ["--shop", "icecat", "--catalogue", "x"], ["extra"]])
def test_a_command_line_that_makes_no_sense_ends_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        prepare_catalogue.main(arguments)

    assert ended.value.code == 2
