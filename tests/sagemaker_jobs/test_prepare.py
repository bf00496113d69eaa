import json
import shutil

import pytest

from sagemaker_jobs import prepare
from sagemaker_jobs.dataset import BASKETS, HASHED, Dataset
from sagemaker_jobs.query_lines import sorted_words
from tests.sagemaker_jobs.derived_shop import made_up_shop
from tests.sagemaker_jobs.simulated_log import SimulatedShop


def a_catalogue(folder, products=None):
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(product.record()) for product in (made_up_shop() if products is None else products)]
    (folder / "products.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "report.json").write_text(json.dumps({"source": "a made-up shop", "catalogue_version": 7}))
    return folder


def prepared(catalogue, output, *options):
    given = ["--catalogue", str(catalogue), "--output", str(output), "--queries", "200", *map(str, options)]
    return prepare.main(given)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    output = tmp_path_factory.mktemp("prepared") / "dataset"
    assert prepared(a_catalogue(output.parent / "catalogue"), output) == 0
    return output


def a_log(folder, products, pages=400):
    """A simulated log over products of the made-up shop: nobody shopped here."""
    shop = SimulatedShop(8, 12)
    shop.products = [[product.product_id for product in products[12 * at : 12 * at + 12]] for at in range(8)]
    folder.mkdir()
    (folder / "day.jsonl").write_text("\n".join(json.dumps(event) for event in shop.events(pages)) + "\n")
    return folder


def test_a_catalogue_alone_gives_a_whole_data_set(folder):
    dataset = Dataset(folder)

    assert len(dataset.products) == len(made_up_shop())
    assert {query.split for query in dataset.queries} == {"train", "validation", "test"}
    assert {query.origin for query in dataset.queries} == {"derived"}
    assert {pair.kind for pair in dataset.pairs} == {"derived", "hard_negative"}
    assert list(dataset.impressions) == list(dataset.baskets) == []
    assert (dataset.report["source"], dataset.report["catalogue_version"]) == ("a made-up shop", 7)


def test_the_same_catalogue_and_seed_give_the_same_data_set(folder, tmp_path):
    catalogue = folder.parent / "catalogue"

    assert prepared(catalogue, tmp_path / "again") == 0
    assert prepared(catalogue, tmp_path / "other", "--seed", 2) == 0

    assert all((folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes() for name in HASHED)
    assert Dataset(tmp_path / "again").report == Dataset(folder).report
    assert Dataset(tmp_path / "other").report["sha256"] != Dataset(folder).report["sha256"]


def test_what_shoppers_typed_comes_first_and_no_text_is_in_two_splits(tmp_path):
    catalogue = a_catalogue(tmp_path / "catalogue")
    events = a_log(tmp_path / "events", made_up_shop())

    assert prepared(catalogue, tmp_path / "out", "--events", events) == 0

    dataset = Dataset(tmp_path / "out")
    assert [query.text for query in dataset.queries if query.origin == "log"]
    assert dataset.queries[0].origin == "log"
    assert len({sorted_words(query.text) for query in dataset.queries}) == len(dataset.queries)
    assert dataset.impressions
    assert dataset.report["examination"]["propensities"]["1"] == 1
    assert dataset.report["events"]["counts"]["pages"] == 400


def test_bad_lines_are_named_in_the_report_and_the_rest_is_kept(tmp_path):
    catalogue = a_catalogue(tmp_path / "catalogue")
    with (catalogue / "products.jsonl").open("a") as file:
        file.write('{"objectID": "without title"}\n')
    events = a_log(tmp_path / "events", made_up_shop(), pages=50)
    with (events / "day.jsonl").open("ab") as file:
        file.write('{"event_id": "é"}\n'.encode("latin-1"))
    past = tmp_path / "baskets"
    past.mkdir()
    (past / BASKETS).write_text('{"shopper": "s", "at": "2026-01-01T00:00:00Z", "product_ids": []}\n')

    assert prepared(catalogue, tmp_path / "out", "--events", events, "--baskets", past) == 0

    report = Dataset(tmp_path / "out").report
    assert report["refused_lines"][0]["line"] == len(made_up_shop()) + 1
    assert report["events"]["counts"]["bad lines"] == 1
    assert report["events"]["bad_lines"][0]["file"] == "day.jsonl"
    assert report["baskets"]["bad_lines"][0]["line"] == 1


def test_baskets_keep_what_the_catalogue_still_has_each_once_in_the_order_of_time(tmp_path):
    past = tmp_path / "baskets"
    past.mkdir()
    lines = [
        {"shopper": "late", "at": "2026-02-01T00:00:00Z", "product_ids": ["p1", "gone"]},
        {"shopper": "early", "at": "2026-01-01T00:00:00Z", "product_ids": ["p2", "p3"]},
        {"shopper": "early", "at": "2026-01-01T00:00:00Z", "product_ids": ["p2", "p3"]},
        {"shopper": "nothing", "at": "2026-01-01T00:00:00Z", "product_ids": ["gone"]},
    ]
    (past / BASKETS).write_text("\n".join(map(json.dumps, lines)))

    assert prepared(a_catalogue(tmp_path / "catalogue"), tmp_path / "out", "--baskets", past) == 0

    dataset = Dataset(tmp_path / "out")
    assert [(basket.shopper, basket.product_ids) for basket in dataset.baskets] == [
        ("early", ("p2", "p3")),
        ("late", ("p1",)),
    ]
    assert dataset.report["baskets"]["counts"] == {
        "baskets": 2,
        "baskets given again": 1,
        "baskets left empty": 1,
        "lines": 4,
        "purchases of products that are gone": 2,
    }


def test_settings_and_synonyms_come_along(tmp_path):
    catalogue = a_catalogue(tmp_path / "catalogue")
    (catalogue / "synonyms.json").write_text("[]")

    assert prepared(catalogue, tmp_path / "out") == 0

    assert (tmp_path / "out" / "synonyms.json").read_text() == "[]"


def _nothing(catalogue):
    (catalogue / "products.jsonl").write_text("")


def _one_product(catalogue):
    lines = (catalogue / "products.jsonl").read_text().splitlines()
    (catalogue / "products.jsonl").write_text(lines[0])


def _wrong_encoding(catalogue):
    text = '{"objectID": "1", "title": "Tür"}\n{"objectID": "2", "title": "Öl"}\n'
    (catalogue / "products.jsonl").write_bytes(text.encode("latin-1"))


def _not_a_number(catalogue):
    (catalogue / "products.jsonl").write_text('{"objectID": "1", "title": "Lamp", "price": NaN}\n' * 3)


def _no_file(catalogue):
    (catalogue / "products.jsonl").unlink()


def _no_folder(catalogue):
    shutil.rmtree(catalogue)


@pytest.mark.parametrize(
    ("broken", "cause"),
    [
        (_nothing, "holds 0 usable products: expected at least 2"),
        (_one_product, "holds 1 usable products: expected at least 2"),
        (_wrong_encoding, "line 1: byte 30 is 0xfc: expected UTF-8"),
        (_not_a_number, "line 1: not JSON"),
        (_no_file, "has no products.jsonl: expected what prepare_catalogue writes"),
        (_no_folder, "is no folder"),
    ],
)
def test_a_catalogue_that_cannot_be_learnt_from_stops_with_the_cause(tmp_path, capsys, broken, cause):
    catalogue = a_catalogue(tmp_path / "catalogue")
    broken(catalogue)

    status = prepared(catalogue, tmp_path / "out")

    assert status == 1
    assert cause in json.loads(capsys.readouterr().err.splitlines()[-1])["message"]
    assert not (tmp_path / "out" / "report.json").exists()


def test_what_stops_leaves_the_data_set_before_it_whole(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "out")
    catalogue = a_catalogue(tmp_path / "catalogue")
    _nothing(catalogue)

    assert prepared(catalogue, tmp_path / "out") == 1

    assert Dataset(tmp_path / "out").report == Dataset(folder).report


def test_its_metrics_are_in_its_log(tmp_path, capsys):
    prepared(a_catalogue(tmp_path / "catalogue"), tmp_path / "out")

    lines = map(json.loads, capsys.readouterr().err.splitlines())
    metrics = {line["metric"]: line["value"] for line in lines if "metric" in line}
    assert metrics["data:products"] == len(made_up_shop())
    assert metrics["data:queries"] == len(Dataset(tmp_path / "out").queries)
    assert metrics["data:pairs"] == len(Dataset(tmp_path / "out").pairs)
