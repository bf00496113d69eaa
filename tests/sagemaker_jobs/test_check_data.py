import hashlib
import json
import shutil

import pytest

from relevance.contracts.products import Product
from sagemaker_jobs import check_data, prepare
from sagemaker_jobs.check_data import SHRINKS
from sagemaker_jobs.dataset import HASHED, Dataset
from tests.sagemaker_jobs.derived_shop import made_up_shop
from tests.sagemaker_jobs.test_prepare import a_catalogue, a_log, prepared


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    folder = tmp_path_factory.mktemp("good")
    events = a_log(folder / "events", made_up_shop(), pages=2000)
    assert prepared(a_catalogue(folder / "catalogue"), folder / "dataset", "--events", events) == 0
    assert check_data.main(["--dataset", str(folder / "dataset"), "--output", str(folder / "checked")]) == 0
    return folder


@pytest.fixture
def dataset(good, tmp_path):
    """A copy of a good data set, to be broken."""
    shutil.copytree(good / "dataset", tmp_path / "dataset")
    return tmp_path / "dataset"


def checked(dataset, output, *options):
    return check_data.main(["--dataset", str(dataset), "--output", str(output), *map(str, options)])


def report_of(output):
    return json.loads((output / "report.json").read_text())


def outcomes(output):
    return {finding["check"]: finding["outcome"] for finding in report_of(output)["findings"]}


def rewritten(dataset, name, change):
    """The lines of a file, changed, with the report's sha256 set right again."""
    lines = [json.loads(line) for line in (dataset / name).read_text().splitlines()]
    (dataset / name).write_text("".join(json.dumps(line) + "\n" for line in change(lines)))
    digest = hashlib.sha256(b"".join((dataset / name).read_bytes() for name in HASHED)).hexdigest()
    report = json.loads((dataset / "report.json").read_text())
    (dataset / "report.json").write_text(json.dumps(report | {"sha256": digest}))


def test_what_prepare_wrote_passes_and_becomes_the_next_accepted(good):
    assert report_of(good / "checked")["passed"]
    assert set(outcomes(good / "checked").values()) <= {"passed", "warning"}
    assert (good / "checked" / "statistics.json").read_bytes() == (good / "dataset" / "statistics.json").read_bytes()
    assert "it may be trained on" in (good / "checked" / "report.md").read_text()


def test_the_same_data_have_not_drifted(good, tmp_path):
    assert checked(good / "dataset", tmp_path, "--accepted", good / "checked") == 0

    drift = [outcome for check, outcome in outcomes(tmp_path).items() if check.startswith("drift of")]
    assert len(drift) > 15
    assert set(drift) == {"passed"}


def _in_two_splits(queries):
    return [
        *queries,
        *[q | {"query_id": q["query_id"] + "x", "split": "test"} for q in queries if q["split"] == "train"][:1],
    ]


def _twice(pairs):
    return [*pairs, pairs[0]]


def _one_class(pairs):
    return [pair for pair in pairs if pair["relevance"] >= 0.5]


def _of_nothing(pairs):
    return [pairs[0] | {"product_id": "nobody sells this"}, *pairs[1:]]


def _heavy(pairs):
    return [pairs[0] | {"weight": 1000.0}, *pairs[1:]]


def _learnt_from_the_future(impressions):
    return [*impressions[1:], impressions[0] | {"at": "2027-01-01T00:00:00Z"}]


def _unordered(impressions):
    return impressions[::-1]


def _a_gain_short(impressions):
    return [impressions[0] | {"gains": impressions[0]["gains"][1:]}, *impressions[1:]]


def _only_a_few(queries):
    return queries[:5]


@pytest.mark.parametrize(
    ("name", "change", "check"),
    [
        ("queries.jsonl", _in_two_splits, "leaks of queries"),
        ("queries.jsonl", _only_a_few, "enough queries to learn from"),
        ("pairs.jsonl", _twice, "duplicates"),
        ("pairs.jsonl", _one_class, "right and wrong pairs"),
        ("pairs.jsonl", _of_nothing, "queries and products that are named"),
        ("pairs.jsonl", _heavy, "weights"),
        ("impressions.jsonl", _learnt_from_the_future, "leaks of time"),
        ("impressions.jsonl", _unordered, "order of pages"),
        ("impressions.jsonl", _a_gain_short, "pages"),
    ],
)
def test_a_broken_data_set_stops_the_run_with_the_check_that_it_missed(dataset, tmp_path, capsys, name, change, check):
    rewritten(dataset, name, change)

    status = checked(dataset, tmp_path / "out")

    said = json.loads(capsys.readouterr().err.splitlines()[-1])
    assert status == 1
    assert said["level"] == "error"
    assert check in said["message"]
    assert outcomes(tmp_path / "out")[check] == "failed"
    assert not (tmp_path / "out" / "statistics.json").exists()


def _relevance_is_no_number(dataset):
    first, rest = (dataset / "pairs.jsonl").read_text().split("\n", 1)
    (dataset / "pairs.jsonl").write_text(json.dumps(json.loads(first) | {"relevance": float("nan")}) + "\n" + rest)


def _cut_in_half(dataset):
    content = (dataset / "queries.jsonl").read_bytes()
    (dataset / "queries.jsonl").write_bytes(content[: len(content) // 2])


def _wrong_encoding(dataset):
    line = {"query_id": "q", "text": "Tür", "split": "train", "origin": "log", "segment": "head", "asked": 1}
    (dataset / "queries.jsonl").write_bytes(json.dumps(line, ensure_ascii=False).encode("latin-1"))


def _without_pairs(dataset):
    (dataset / "pairs.jsonl").unlink()


def _report_is_no_json(dataset):
    (dataset / "report.json").write_text("{")


@pytest.mark.parametrize(
    "broken", [_relevance_is_no_number, _cut_in_half, _wrong_encoding, _without_pairs, _report_is_no_json]
)
def test_lines_that_cannot_be_read_stop_the_run(dataset, tmp_path, broken):
    broken(dataset)

    assert checked(dataset, tmp_path / "out") == 1

    assert outcomes(tmp_path / "out") == {"schema": "failed"}


def test_lines_that_were_lost_on_the_way_are_noticed(dataset, tmp_path):
    lines = (dataset / "pairs.jsonl").read_text().splitlines(keepends=True)
    (dataset / "pairs.jsonl").write_text("".join(lines[:-1]))

    assert checked(dataset, tmp_path / "out") == 1

    assert outcomes(tmp_path / "out")["sha256"] == "failed"


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """Data of the same shop after its feed lost the brands and every second product."""
    folder = tmp_path_factory.mktemp("others")
    left = [product.model_copy(update={"brand": ""}) for product in made_up_shop()[:: round(1 / SHRINKS) + 1]]
    assert prepared(a_catalogue(folder / "catalogue", left), folder / "dataset") == 0
    return folder / "dataset"


def test_large_drift_of_the_products_stops_the_run(good, others, tmp_path, capsys):
    assert checked(others, tmp_path / "out", "--accepted", good / "checked") == 1

    found = outcomes(tmp_path / "out")
    assert {found[f"drift of {what}"] for what in ("brand", "missing brand", "the number of products")} == {"failed"}
    assert "population stability index" in capsys.readouterr().err


def a_department(count):
    """Products of a kind and a brand that the shop did not have."""
    return [
        Product(
            product_id=f"new-{number}",
            title=f"Elm E{number} garden hose {number} m",
            description="A hose",
            brand="Elm",
            attributes={"length": f"{number} m"},
        )
        for number in range(count)
    ]


def test_a_new_department_moves_every_share_and_stops_nothing(good, tmp_path):
    larger = [*made_up_shop(), *a_department(90)]
    assert prepared(a_catalogue(tmp_path / "catalogue", larger), tmp_path / "dataset") == 0

    assert checked(tmp_path / "dataset", tmp_path / "out", "--accepted", good / "checked") == 0

    (brand,) = [each for each in report_of(tmp_path / "out")["findings"] if each["check"] == "drift of brand"]
    assert brand["outcome"] == "warning"
    assert "0.0% gone" in brand["said"]


def test_a_feed_that_is_suddenly_more_than_twice_as_large_stops_the_run(good, tmp_path):
    many = [*made_up_shop(), *a_department(len(made_up_shop()) + 1)]
    assert prepared(a_catalogue(tmp_path / "catalogue", many), tmp_path / "dataset") == 0

    assert checked(tmp_path / "dataset", tmp_path / "out", "--accepted", good / "checked") == 1

    assert outcomes(tmp_path / "out")["drift of the number of products"] == "failed"


def test_a_person_can_accept_drift_and_the_report_says_so(good, others, tmp_path):
    assert checked(others, tmp_path, "--accepted", good / "checked", "--accept-drift", "yes") == 0

    assert report_of(tmp_path)["drift_accepted_by_hand"]
    assert outcomes(tmp_path)["drift of brand"] == "warning"
    assert (tmp_path / "statistics.json").exists()


def test_other_queries_are_a_reason_to_train_and_no_stop(good, tmp_path):
    assert prepared(good / "catalogue", tmp_path / "derived") == 0

    assert checked(tmp_path / "derived", tmp_path / "out", "--accepted", good / "checked") == 0

    assert outcomes(tmp_path / "out")["drift of origin of a query"] == "warning"


def test_one_product_kind_alone_is_too_little(tmp_path):
    few = made_up_shop(1)[:12]
    prepare.main(["--catalogue", str(a_catalogue(tmp_path / "few", few)), "--output", str(tmp_path / "dataset")])

    assert checked(tmp_path / "dataset", tmp_path / "out") == 1
    assert outcomes(tmp_path / "out")["enough products"] == "failed"


def test_its_metric_is_the_number_of_checks_that_failed(dataset, tmp_path, capsys):
    rewritten(dataset, "pairs.jsonl", _heavy)

    checked(dataset, tmp_path / "out")

    lines = map(json.loads, capsys.readouterr().err.splitlines())
    assert [line["value"] for line in lines if line.get("metric") == "data:failed_checks"] == [1]


def test_an_accepted_folder_that_holds_something_else_is_named(good, tmp_path, capsys):
    (tmp_path / "accepted").mkdir()
    (tmp_path / "accepted" / "notes.txt").write_text("")

    assert checked(good / "dataset", tmp_path / "out", "--accepted", tmp_path / "accepted") == 1
    assert "has no statistics.json" in capsys.readouterr().err


def test_a_missing_channel_is_named(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("SM_CHANNEL_DATASET", raising=False)

    assert check_data.main(["--output", str(tmp_path)]) == 1
    assert "no folder for input 'dataset': set SM_CHANNEL_DATASET" in capsys.readouterr().err


def test_the_data_set_is_only_read(good):
    before = {path.name: path.stat().st_mtime_ns for path in Dataset(good / "dataset").folder.iterdir()}

    checked(good / "dataset", good / "again")

    assert {path.name: path.stat().st_mtime_ns for path in (good / "dataset").iterdir()} == before
