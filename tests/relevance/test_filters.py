import pytest

from relevance.errors import BadRequest
from relevance.filters import (
    MAX_DEPTH,
    All,
    Any_,
    Between,
    Compares,
    Is,
    Not,
    one_facet_filter,
    one_numeric_filter,
    parse_filters,
    parse_lists,
)

A, B, C = Is("a", "1"), Is("b", "2"), Is("c", "3")


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("brand:Sony", Is("brand", "Sony")),
        ('brand:"Jet Black"', Is("brand", "Jet Black")),
        ("brand:'Jet Black'", Is("brand", "Jet Black")),
        (r'brand:"19\" rack"', Is("brand", '19" rack')),
        ('"odd name":x', Is("odd name", "x")),
        ("attributes.screen_size : 15.6", Is("attributes.screen_size", "15.6")),
        ("price<100", Compares("price", "<", 100)),
        ("price >= -1.5e2", Compares("price", ">=", -150)),
        ("price != 3", Compares("price", "!=", 3)),
        ("price:10 TO 20", Between("price", 10, 20)),
        ("a:1 AND b:2", All((A, B))),
        ("a:1 OR b:2 AND c:3", Any_((A, All((B, C))))),
        ("(a:1 OR b:2) AND c:3", All((Any_((A, B)), C))),
        ("NOT a:1 AND b:2", All((Not(A), B))),
        ("NOT (a:1 OR b:2)", Not(Any_((A, B)))),
        ("NOT NOT a:1", Not(Not(A))),
        ("((a:1))", A),
        ("brand:OR", Is("brand", "OR")),
        ("brand:مرحبا", Is("brand", "مرحبا")),
        ("   ", None),
    ],
)
def test_a_filter_is_read_as_it_is_meant(text, condition):
    assert parse_filters(text) == condition


@pytest.mark.parametrize(
    ("text", "position", "said"),
    [
        ("brand", 6, 'the end, expected ":" or one of'),
        ("brand:", 7, "the end, expected a value"),
        ("brand:Sony AND", 15, "the end, expected the name of a facet"),
        ("brand:Sony brand:HP", 12, '"brand", expected AND, OR or the end'),
        ("(brand:Sony", 12, 'the end, expected ")"'),
        ("brand:Sony)", 11, '")", expected AND, OR or the end'),
        ("price < cheap", 9, '"cheap", expected a number'),
        ("price:low TO 20", 7, '"low", expected a number'),
        ("price:10 TO many", 13, '"many", expected a number'),
        ("price < 1e9999", 9, '"1e9999", expected a number'),
        ("AND brand:Sony", 1, '"AND", expected the name of a facet'),
        ('brand:"Sony', 7, "expected a value"),
        ("brand:a OR OR b:c", 12, '"OR", expected the name of a facet'),
        ("!!!", 1, "expected the name of a facet"),
        ("\x00:\x00 AND", 8, "the end, expected"),
    ],
)
def test_a_filter_that_cannot_be_read_is_told_where_and_why(text, position, said):
    with pytest.raises(BadRequest) as refused:
        parse_filters(text)

    assert f"filters at position {position}: " in str(refused.value)
    assert said in str(refused.value)


def test_nesting_has_a_limit_and_not_a_crash():
    deep = MAX_DEPTH + 10

    with pytest.raises(BadRequest, match="levels of parentheses"):
        parse_filters("(" * deep + "a:1" + ")" * deep)
    with pytest.raises(BadRequest, match="levels of parentheses"):
        parse_filters("NOT " * deep + "a:1")


def test_a_filter_of_very_many_conditions_is_refused():
    with pytest.raises(BadRequest, match="at most 1000 comparisons"):
        parse_filters(" OR ".join(["a:1"] * 1001))


@pytest.mark.parametrize(
    ("given", "condition"),
    [
        (None, None),
        ([], None),
        ("a:1", A),
        (["a:1", "b:2"], All((A, B))),
        (["a:1", ["b:2", "c:3"]], All((A, Any_((B, C))))),
        ([["a:1"]], Any_((A,))),
        ([[]], None),
        (["a:-1"], Not(A)),
        (["a:\\-1"], Is("a", "-1")),
        (["brand:Jet: Black"], Is("brand", "Jet: Black")),
    ],
)
def test_facet_filters_are_lists_of_all_and_any(given, condition):
    assert parse_lists(given, field="facetFilters", one=one_facet_filter) == condition


@pytest.mark.parametrize("given", [7, {"a": 1}, [7], [[["a:1"]]], [[7]], ["a"], [":1"], ["a:"], ["a:1"] * 1001])
def test_facet_filters_of_another_shape_are_refused(given):
    with pytest.raises(BadRequest, match="facetFilters is "):
        parse_lists(given, field="facetFilters", one=one_facet_filter)


def test_numeric_filters_compare_numbers():
    given = ["price>=10", ["rating=4", "rating:4.5 TO 5"]]

    condition = parse_lists(given, field="numericFilters", one=one_numeric_filter)

    assert condition == All(
        (Compares("price", ">=", 10), Any_((Compares("rating", "=", 4), Between("rating", 4.5, 5))))
    )


@pytest.mark.parametrize("text", ["brand:Sony", "price>1 AND price<2", "price > dear", ""])
def test_a_numeric_filter_that_compares_no_number_is_refused(text):
    with pytest.raises(BadRequest, match="numericFilters"):
        one_numeric_filter(text)
