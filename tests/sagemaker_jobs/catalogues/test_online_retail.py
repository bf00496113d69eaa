import csv
import json
import lzma

import pytest

from relevance.catalogue import read_catalogue
from sagemaker_jobs.catalogues import online_retail

COLUMNS = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"]


@pytest.fixture
def data_with(tmp_path):
    def write(*rows):
        (tmp_path / "online_retail").mkdir()
        with lzma.open(tmp_path / online_retail.FILE, "wt", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, COLUMNS)
            table.writeheader()
            table.writerows(rows)
        return tmp_path

    return write


def a_row(code="85123A", description="WHITE HEART HOLDER", price="2.55", quantity=6, day=1, invoice="536365"):
    date = f"2010-12-{day:02} 08:26:00"
    return dict(
        zip(COLUMNS, (invoice, code, description, quantity, date, price, "17850.0", "United Kingdom"), strict=True)
    )


def products_of(folder):
    return [json.loads(line) for line in online_retail.lines(folder)]


def test_a_stock_code_that_was_sold_is_a_product_in_pounds(data_with):
    assert products_of(data_with(a_row())) == [
        {"objectID": "85123A", "title": "White heart holder", "price": 2.55, "currency": "GBP"}
    ]


def test_codes_in_lower_case_are_those_in_upper_case(data_with):
    (product,) = products_of(data_with(a_row("85123a"), a_row("85123A")))

    assert product["objectID"] == "85123A"


def test_the_title_is_the_description_on_most_receipts_that_were_paid(data_with):
    notes = [a_row(description="wrong code?", price="0") for _ in range(3)]
    rows = [
        a_row(description="WHITE  HEART HOLDER "),
        a_row(description="WHITE HEART HOLDER"),
        a_row(description="ebay"),
    ]

    (product,) = products_of(data_with(*notes, *rows))

    assert product["title"] == "White heart holder"


@pytest.mark.parametrize(
    "row",
    [
        a_row("POST", "POSTAGE"),
        a_row("m", "Manual"),
        a_row("BANK CHARGES", "Bank charges"),
        a_row(invoice="C536365", quantity=-6),
        a_row(quantity=-6),
        a_row(price="0.0"),
        a_row(price="-11062.06"),
        a_row(description=""),
    ],
)
def test_fees_cancellations_gifts_and_corrections_are_no_products(data_with, row):
    assert products_of(data_with(row)) == []


def test_the_price_of_a_day_is_the_median_of_the_units_sold_on_it_and_the_last_stands_on_the_product(data_with):
    folder = data_with(
        a_row(price="2.95", quantity=1, day=2),
        a_row(price="2.10", quantity=100, day=2),
        a_row(price="5.00", quantity=1, day=2),
        a_row(price="2.55", day=1),
        a_row("22222", "MUG", price="0.85", day=1),
    )

    history = online_retail.price_history(folder)

    assert history == [("22222", "2010-12-01", 85), ("85123A", "2010-12-01", 255), ("85123A", "2010-12-02", 210)]
    assert [product["price"] for product in products_of(folder)] == [0.85, 2.1]


def test_the_real_purchases_become_a_clean_catalogue(real_data):
    if not (real_data / online_retail.FILE).is_file():
        pytest.skip(f"no {online_retail.FILE} beside the project")

    catalogue = read_catalogue(online_retail.lines(real_data))

    assert len(catalogue.products) == 3_755
    assert catalogue.refused == catalogue.warnings == ()
    assert not {product.product_id for product in catalogue.products} & online_retail.NO_PRODUCTS
