import json
from datetime import datetime, timedelta

import pyarrow
import pytest
from pyarrow import parquet

from relevance.catalogue import read_catalogue
from sagemaker_jobs.catalogues import complete_journey

ICE = ("GROCERY", "FRZN ICE", "ICE - CRUSHED/CUBED", "22 LB", "National")
BUNS = ("GROCERY", "BAKED BREAD/BUNS/ROLLS", "HAMBURGER BUNS", "12 CT", "Private")
FIRST_DAY = datetime(2017, 1, 1, 11, 53)
UNNAMED = ("MISCELLANEOUS", None, None, None, "National")


@pytest.fixture
def data_with(tmp_path):
    def write(products, sales=()):
        fields = ("department", "product_category", "product_type", "package_size", "brand")
        rows = [
            {"product_id": number} | dict(zip(fields, description, strict=True)) for number, description in products
        ]
        names = ("product_id", "quantity", "sales_value", "transaction_timestamp")
        sold = [dict(zip(names, (*sale[:3], FIRST_DAY + timedelta(days=sale[3])), strict=True)) for sale in sales]
        kinds = ("int64", "int64", "float64", pyarrow.timestamp("ns"))
        nothing = pyarrow.schema(list(zip(names, kinds, strict=True)))
        parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "products.parquet")
        parquet.write_table(pyarrow.Table.from_pylist(sold, schema=nothing), tmp_path / "transactions.parquet")
        return tmp_path

    return write


def products_of(folder):
    return [json.loads(line) for line in complete_journey.lines(folder)]


def test_a_description_becomes_a_title_that_people_read(data_with):
    titles = [product["title"] for product in products_of(data_with([(1, ICE), (2, BUNS), (3, UNNAMED)]))]

    assert titles == [
        "Ice - crushed / cubed, frozen ice, 22 lb",
        "Hamburger buns, baked bread / buns / rolls, 12 count, store brand",
        "Miscellaneous",
    ]


def test_products_described_alike_are_one_under_the_lowest_number(data_with):
    products = products_of(data_with([(9, ICE), (4, BUNS), (5, ICE)]))

    assert [product["objectID"] for product in products] == ["4", "5"]


def test_the_price_is_the_one_of_the_last_day_on_which_it_was_paid_for(data_with):
    sales = [(5, 1, 3.0, 0), (9, 2, 8.0, 1), (5, 1, 0.0, 2), (5, 0, 7.0, 3), (77, 1, 1.0, 4)]

    ice, buns = products_of(data_with([(5, ICE), (9, ICE), (10, BUNS)], sales))

    assert (ice["price"], ice["currency"]) == (4.0, "USD")  # nobody paid on days 2 and 3
    assert "price" not in buns


def test_the_price_of_a_day_is_the_median_of_the_units_sold_on_it(data_with):
    sales = [(5, 1, 3.0, 0), (9, 2, 8.0, 0), (9, 1, 100.0, 0), (10, 4, 1.0, 9)]

    history = complete_journey.price_history(data_with([(5, ICE), (9, ICE), (10, BUNS)], sales))

    assert history == [("5", "2017-01-01", 400), ("10", "2017-01-10", 25)]  # of 3.00, 4.00, 4.00 and 100.00


def test_categories_go_from_broad_to_narrow(data_with):
    (product,) = products_of(data_with([(5, ICE)]))

    assert product["categories"] == ["Grocery", "Frozen ice"]
    assert product["attributes"] == {"size": "22 lb", "type": "ice - crushed / cubed", "brand_kind": "national"}


def test_the_packages_own_data_become_a_clean_catalogue():
    catalogue = read_catalogue(complete_journey.lines())

    assert len(catalogue.products) == 20_770
    assert catalogue.refused == catalogue.warnings == ()
