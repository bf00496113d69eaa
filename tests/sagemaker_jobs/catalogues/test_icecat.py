import json
import lzma

import pytest

from relevance.catalogue import read_catalogue
from sagemaker_jobs.catalogues import icecat


@pytest.fixture
def data_with(tmp_path):
    def write(*products):
        (tmp_path / "chorus").mkdir()
        with lzma.open(tmp_path / icecat.FILE, "wt", encoding="utf-8") as file:
            file.writelines(json.dumps(product) + "\n" for product in products)
        return tmp_path

    return write


def a_raw_product(**fields):
    return {"id": "7", "title": "Café maker", "supplier": "Acme", "price": 4995} | fields


def test_icecats_fields_get_the_wires_names_and_prices_become_dollars(data_with):
    raw = a_raw_product(
        short_description="Makes coffee",
        img_500x500="http://images.test/7.jpg",
        date_released="2009-12-10T00:00:00Z",
        ean=["0095205603217"],
    )

    (line,) = icecat.lines(data_with(raw))

    assert json.loads(line) == {
        "objectID": "7",
        "title": "Café maker",
        "brand": "Acme",
        "price": 49.95,
        "currency": "USD",
        "description": "Makes coffee",
        "image": "http://images.test/7.jpg",
        "released_at": "2009-12-10T00:00:00Z",
        "ean": ["0095205603217"],
        "attributes": {},
    }


def test_attributes_get_readable_names_and_keep_their_values(data_with):
    raw = a_raw_product(
        attr_n_display_diagonal=17.0,
        attr_b_touchscreen=False,
        attr_t_certification="CE, REACH",
        attr_t_contrast_ratio__typical_="200:1",
    )

    (line,) = icecat.lines(data_with(raw))

    assert json.loads(line)["attributes"] == {
        "display_diagonal": 17.0,
        "touchscreen": False,
        "certification": "CE, REACH",
        "contrast_ratio_typical": "200:1",
    }


def test_two_kinds_of_one_attribute_are_both_kept(data_with):
    raw = a_raw_product(
        attr_n_height_adjustment=11.0, attr_b_height_adjustment=True, attr_b_adsl2=True, attr_b_adsl2_=False
    )

    (line,) = icecat.lines(data_with(raw))

    assert json.loads(line)["attributes"] == {
        "height_adjustment": 11.0,
        "height_adjustment_yes_no": True,
        "adsl2": True,
        "adsl2_yes_no": False,
    }


def test_cents_become_exactly_these_cents_again(data_with):
    prices = [1, 95, 110, 2029, 4351995]

    catalogue = read_catalogue(
        icecat.lines(data_with(*(a_raw_product(id=str(price), price=price) for price in prices)))
    )

    assert [product.price_cents for product in catalogue.products] == prices


def test_every_product_of_the_real_catalogue_is_taken(real_data):
    catalogue = read_catalogue(icecat.lines(real_data))

    assert len(catalogue.products) == 19_406
    assert (catalogue.refused, catalogue.warnings) == ((), ())
