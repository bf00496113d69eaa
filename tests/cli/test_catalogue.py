"""`vitrine catalogue` against a table in moto; CloudFormation's answer is the only thing that is not real."""

import json

import boto3
import botocore.client
import pytest
from moto import mock_aws

from cli.main import main
from functions.aws import clients
from sagemaker_jobs import prepare_catalogue


@pytest.fixture(autouse=True)
def table(monkeypatch):
    """The table that the storage stack of stage `dev` names."""
    send = botocore.client.BaseClient._make_api_call

    def answer(client, operation, parameters):
        if operation != "DescribeStacks":
            return send(client, operation, parameters)
        assert parameters == {"StackName": "vitrine-dev-storage"}
        return {"Stacks": [{"Outputs": [{"OutputKey": "CatalogueTable", "OutputValue": "catalogue"}]}]}

    clients.dynamodb_once.cache_clear()
    with mock_aws():
        boto3.client("dynamodb").create_table(
            TableName="catalogue",
            KeySchema=[{"AttributeName": "part", "KeyType": "HASH"}, {"AttributeName": "id", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("part", "id")],
            BillingMode="PAY_PER_REQUEST",
        )
        monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", answer)
        yield
    clients.dynamodb_once.cache_clear()


def a_file(folder, *products):
    file = folder / "mine.jsonl"
    file.write_text("\n".join(map(json.dumps, products)))
    return str(file)


def ids_exported(folder):
    assert main(["catalogue", "export", str(folder), "--stage", "dev"]) == 0
    return [json.loads(line)["objectID"] for line in (folder / "products.jsonl").read_text().splitlines()]


def test_what_is_imported_is_exported_with_its_source_and_version(tmp_path, capsys):
    file = a_file(tmp_path, {"objectID": "b", "title": "Cup"}, {"objectID": "a", "title": "Mug"})

    assert main(["catalogue", "import", file, "--stage", "dev"]) == 0

    assert "2 products, 0 refused; catalogue version 1" in capsys.readouterr().out
    assert ids_exported(tmp_path / "out") == ["a", "b"]
    assert json.loads((tmp_path / "out" / "export.json").read_text()) == {"version": 1, "source": "mine.jsonl"}


def test_a_product_that_cannot_be_taken_is_named_and_the_rest_is_kept(tmp_path, capsys):
    big = {"objectID": "big", "title": "x" * 400_000}
    file = a_file(tmp_path, {"objectID": "a", "title": "Mug"}, {"objectID": "b"}, big)

    main(["catalogue", "import", file, "--stage", "dev"])

    said = capsys.readouterr()
    assert "refused: line 2: title is missing" in said.err
    assert "refused: big: the product has 400,0" in said.err
    assert "1 products, 2 refused" in said.out


def test_products_that_are_not_in_the_file_stay_unless_told_otherwise(tmp_path):
    main(["catalogue", "import", a_file(tmp_path, {"objectID": "a", "title": "Mug"}), "--stage", "dev"])
    other = a_file(tmp_path, {"objectID": "b", "title": "Cup"})

    main(["catalogue", "import", other, "--stage", "dev"])
    both = ids_exported(tmp_path / "both")
    main(["catalogue", "import", other, "--stage", "dev", "--only-these"])

    assert both == ["a", "b"]
    assert ids_exported(tmp_path / "one") == ["b"]


def test_an_export_is_what_a_release_is_prepared_from(tmp_path):
    main(["catalogue", "import", a_file(tmp_path, {"objectID": "a", "title": "Mug"}), "--stage", "dev"])
    main(["catalogue", "export", str(tmp_path / "export"), "--stage", "dev"])

    status = prepare_catalogue.main(["--export", str(tmp_path / "export"), "--output", str(tmp_path / "prepared")])

    report = json.loads((tmp_path / "prepared" / "report.json").read_text())
    assert status == 0
    assert (report["source"], report["catalogue_version"], report["products"]) == ("mine.jsonl", 1, 1)
    assert (tmp_path / "prepared" / "settings.json").read_text() == "{}"
    assert (tmp_path / "prepared" / "synonyms.json").read_text() == "[]"
