import json

import pytest

from relevance.catalogue import MAX_LINE_BYTES, read_catalogue


def a_line(**fields):
    return json.dumps({"objectID": "1", "title": "Red shoes"} | fields)


def only_refusal(*lines):
    (refused,) = read_catalogue(lines).refused
    return refused


def test_every_good_line_becomes_a_product_in_the_order_of_the_file():
    lines = [a_line(objectID="b"), a_line(objectID="a"), a_line(objectID="c")]

    catalogue = read_catalogue(lines)

    assert [product.product_id for product in catalogue.products] == ["b", "a", "c"]
    assert catalogue.refused == catalogue.warnings == ()


def test_a_broken_line_is_named_and_the_rest_is_kept():
    lines = [a_line(objectID="a"), '{"objectID": "b", "ti', a_line(objectID="c")]

    catalogue = read_catalogue(lines)

    assert [product.product_id for product in catalogue.products] == ["a", "c"]
    assert [remark.line for remark in catalogue.refused] == [2]
    assert "not JSON" in catalogue.refused[0].text


def test_blank_lines_count_as_lines_and_are_no_fault():
    catalogue = read_catalogue([a_line(), "\n", "  \r\n", "nonsense"])

    assert len(catalogue.products) == 1
    assert [remark.line for remark in catalogue.refused] == [4]


def test_bytes_with_a_byte_order_mark_and_windows_line_ends_are_read():
    lines = [b"\xef\xbb\xbf" + a_line(objectID="a").encode() + b"\r\n", a_line(objectID="b").encode() + b"\r\n"]

    catalogue = read_catalogue(lines)

    assert [product.product_id for product in catalogue.products] == ["a", "b"]


def test_text_with_a_byte_order_mark_is_read():
    assert len(read_catalogue(["\ufeff" + a_line()]).products) == 1


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"title": "Red shoes"}', "objectID is missing: expected text of 1 to 512 characters, not blank"),
        ('{"objectID": "1"}', "title is missing: expected text, not blank"),
        (a_line(objectID=7), "objectID is 7: expected text of 1 to 512 characters, not blank"),
        (a_line(title="  "), 'title is "  ": expected text, not blank'),
        (a_line(price="on request"), 'price is "on request": expected a number from 0 to 10^12, such as 9.99'),
        (a_line(price=True), "price is true: expected a number from 0 to 10^12, such as 9.99"),
        (a_line(brand=3, in_stock=1), "brand is 3: expected text; in_stock is 1: expected true or false"),
        ("[1, 2]", "[1, 2]: expected one JSON object on each line"),
        ("12", "12: expected one JSON object on each line"),
        ("null", "null: expected one JSON object on each line"),
        ("[", '"[": expected one JSON object on each line, not a list over several'),
        (
            '{"objectID": "1", "title": "Red shoes", "shelf": [1e400]}',
            "shelf holds a number beyond what JSON readers can hold",
        ),
    ],
)
def test_a_refusal_names_the_field_the_value_and_the_expectation(line, reason):
    assert only_refusal(line).text == reason


def test_an_attribute_is_named_by_its_own_name_and_once():
    refused = only_refusal(a_line(attributes={"colour": {"r": 1}, "width": 3}))

    expected = 'attributes.colour is {"r": 1}: expected a flat map of text, number, yes/no or list of texts'
    assert refused.text == expected


@pytest.mark.parametrize("price", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_does_not_know_refuse_the_line(price):
    line = a_line(price=0).replace(": 0", f": {price}")

    assert "not JSON" in only_refusal(line).text


def test_a_line_in_another_encoding_is_refused_with_the_byte():
    assert (
        only_refusal('{"objectID": "1", "title": "Café"}'.encode("latin-1")).text == "byte 32 is 0xe9: expected UTF-8"
    )


def test_a_lone_surrogate_is_refused_escaped_or_not():
    catalogue = read_catalogue(['{"objectID": "1", "title": "\\ud800"}', '{"objectID": "1", "title": "\ud800"}'])

    assert [remark.line for remark in catalogue.refused] == [1, 2]


def test_a_line_that_nests_too_deep_is_refused():
    assert "not JSON" in only_refusal('{"objectID": "1", "title": "a", "deep": ' + "[" * 5000 + "]" * 5000 + "}").text


def test_a_huge_line_is_refused_with_its_size():
    refused = only_refusal(a_line(description="x" * MAX_LINE_BYTES))

    assert refused.text.endswith("bytes: expected at most 1,048,576")


def test_a_long_value_is_shortened():
    refused = only_refusal(a_line(price="free" * 1000))

    assert "… (4,002 characters)" in refused.text
    assert len(refused.text) < 200


def test_of_two_products_with_one_id_the_last_wins_and_both_lines_are_named():
    lines = [a_line(objectID="a", title="Old"), a_line(objectID="b"), a_line(objectID="a", title="New")]

    catalogue = read_catalogue(lines)

    assert [(product.product_id, product.title) for product in catalogue.products] == [("b", "Red shoes"), ("a", "New")]
    assert [str(warning) for warning in catalogue.warnings] == ['line 3: objectID "a" again: replaces line 1']


def test_a_refused_line_replaces_nothing():
    catalogue = read_catalogue([a_line(objectID="a", title="Old"), a_line(objectID="a", title=5)])

    assert [product.title for product in catalogue.products] == ["Old"]
    assert catalogue.warnings == ()


def test_an_empty_catalogue_has_no_products():
    assert read_catalogue(()).products == ()
