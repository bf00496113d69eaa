import csv
import json
import lzma
from datetime import UTC, datetime

import pytest

from relevance.contracts.training import BasketLine
from sagemaker_jobs import prepare_baskets
from sagemaker_jobs.catalogues import online_retail
from sagemaker_jobs.catalogues.purchases import Purchase, baskets_of

COLUMNS = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"]


def a_row(invoice="536365", code="85123A", *, quantity=6, when="2010-12-01 08:26:00", price="2.55", shopper="17850.0"):
    row = (invoice, code, "WHITE HEART HOLDER", quantity, when, price, shopper, "United Kingdom")
    return dict(zip(COLUMNS, row, strict=True))


@pytest.fixture
def baskets_from(tmp_path):
    def run(*rows):
        (tmp_path / "online_retail").mkdir()
        with lzma.open(tmp_path / online_retail.FILE, "wt", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, COLUMNS)
            table.writeheader()
            table.writerows(rows)
        given = ["--shop", "online_retail", "--data", str(tmp_path), "--output", str(tmp_path / "out")]
        status = prepare_baskets.main(given)
        file = tmp_path / "out" / "baskets.jsonl"
        lines = file.read_text().splitlines() if file.exists() else []
        return status, [BasketLine.model_validate_json(line) for line in lines]

    return run


def test_a_receipt_is_one_basket_of_distinct_products(baskets_from):
    status, baskets = baskets_from(a_row(), a_row(code="71053"), a_row(code="85123a"))

    assert status == 0
    assert baskets == [
        BasketLine(shopper="17850", at=datetime(2010, 12, 1, 8, 26, tzinfo=UTC), product_ids=("85123A", "71053"))
    ]


def test_cancellations_fees_and_shoppers_that_nobody_noted_are_left_out(baskets_from):
    _, baskets = baskets_from(
        a_row(),
        a_row("C536365", quantity=-6),
        a_row("536366", "POST"),
        a_row("536367", shopper=""),
        a_row("536368", price="0"),
    )

    assert [basket.product_ids for basket in baskets] == [("85123A",)]


def test_baskets_come_in_the_order_of_time(baskets_from):
    _, baskets = baskets_from(
        a_row("2", when="2011-01-02 10:00:00", shopper="2.0"), a_row("1", when="2011-01-01 10:00:00", shopper="1.0")
    )

    assert [basket.shopper for basket in baskets] == ["1", "2"]


def test_nothing_bought_stops_with_the_cause_and_writes_nothing(baskets_from, capsys):
    status, baskets = baskets_from(a_row("C1", quantity=-1))

    assert (status, baskets) == (1, [])
    assert "no purchase of a known shopper" in capsys.readouterr().err


def test_data_that_are_not_there_are_named(tmp_path, capsys):
    given = ["--shop", "online_retail", "--data", str(tmp_path), "--output", str(tmp_path)]

    assert prepare_baskets.main(given) == 1
    assert "name the data's folder" in json.loads(capsys.readouterr().err.splitlines()[-1])["message"]


def test_a_basket_has_the_time_of_its_first_line():
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)

    (basket,) = baskets_of([Purchase("s", "r", late, "a"), Purchase("s", "r", early, "b")])

    assert basket.at == early
