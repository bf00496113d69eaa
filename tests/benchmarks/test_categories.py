import numpy as np

from benchmarks.categories import complete_journey_kinds, named_kinds, stated_kinds, struck_out
from benchmarks.tables import categories_table
from sagemaker_jobs.derive_queries import CatalogueFacts
from tests.builders import a_product
from tests.sagemaker_jobs.derived_shop import KINDS, made_up_shop


def test_words_that_name_the_category_are_struck_out_in_every_form():
    product = a_product(title="Desk lamp, lamps for desks", description="A LAMP of steel", categories=["Lamp"])

    (struck,) = struck_out([product])

    assert (struck.title, struck.description) == ("desk for desks", "a of steel")


def test_a_title_that_names_nothing_else_still_is_one():
    (struck,) = struck_out([a_product(title="Lamps", categories=["Lamp"])])

    assert struck.title == "nothing"


def test_a_kind_is_what_an_attribute_states_in_words():
    products = [a_product(attributes={"product_type": stated}) for stated in ("Notebook", "1", 7.0)]

    assert [product.categories for product in stated_kinds(products)] == [("notebook",), (), ()]


def test_a_title_of_kind_and_size_says_no_category():
    product = a_product(
        title="Dog foods, grocery", categories=["Grocery"], attributes={"type": "dry dog", "size": "4 lb"}
    )

    assert complete_journey_kinds([product])[0].title == "dry dog, 4 lb"


def test_the_kinds_of_the_made_up_shop_are_those_that_its_titles_name():
    products = made_up_shop()
    of_kind = {kind: [row for row, product in enumerate(products) if kind in product.title] for kind in KINDS}
    of_kind["notebook"] = [row for row in of_kind["notebook"] if row not in of_kind["notebook case"]]
    alike = [rows[:20] for row in range(len(products)) for rows in of_kind.values() if row in rows]

    found = named_kinds(products, CatalogueFacts(products, np.array(alike)))

    assert {product.categories for product in found if "kettle" in product.title} == {("kettle",)}
    assert all(not product.categories or product.categories[0] in product.title for product in found)


def test_the_table_shows_what_is_believed_and_what_flatters():
    believed = {level: {"coverage": 0.5, "precision": 0.9} for level in ("all", "narrowest", "broader")}
    held_out = {"accuracy": 0.61, "macro_f1": 0.5, "most_frequent": 0.1, "believed": believed}
    row = {
        "what": "a shop",
        "products": 100,
        "categories": 7,
        "held_out": held_out | {"broadest_level": {"accuracy": 0.8}, "calibration_error": 0.03},
        "missing_at_random": believed,
        "queries": {"queries": 20, "accuracy": 0.75, "believed": believed},
    }
    machine = {"processor": "A chip", "cores": 2, "python": "3.11.7"}
    careless = [{"what": "carelessly", "accuracy": 0.9, "macro_f1": 0.8}]
    results = {"catalogues": [row], "flattered": careless, "machine": machine, "date": "2026-11-22", "code": "abc"}

    table = categories_table(results)

    assert "| a shop | 100 | 7 | 0.610 | 0.500 | 0.800 | 0.100 | 0.030 | 50% at 0.90 | 50% at 0.90 |" in table
    assert "| a shop | 20 | 0.750 | 50% at 0.90 |" in table
    assert "| carelessly | 0.900 | 0.800 |" in table
