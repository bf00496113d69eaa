import pytest

from relevance.catalogue_changes import change, product_record, read_operation, shown
from relevance.contracts.catalogue_api import MAX_ID_BYTES
from relevance.errors import BadRequest

MUG = {"objectID": "mug", "title": "Mug", "price": 4.5}


def merged(before, **fields):
    return change("merge", "mug", fields).applied(before)


def test_a_merge_counts_prices_without_the_error_of_binary_fractions():
    record = merged(MUG | {"price": 0.1}, price={"_operation": "Increment", "value": 0.2})

    assert record["price"] == 0.3


def test_a_merge_counts_from_zero_where_there_was_nothing():
    assert merged(MUG, sold={"_operation": "Decrement", "value": 2})["sold"] == -2


def test_a_merge_adds_to_a_list_twice_unless_told_not_to():
    record = merged(MUG | {"tags": ["a"]}, tags={"_operation": "Add", "value": "a"})

    assert record["tags"] == ["a", "a"]
    assert merged(record, tags={"_operation": "AddUnique", "value": "a"})["tags"] == ["a", "a"]
    assert merged(record, tags={"_operation": "Remove", "value": "a"})["tags"] == []


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"title": {"_operation": "Increment", "value": 1}}, 'title is "Mug": expected a number to count with'),
        ({"price": {"_operation": "Increment", "value": "1"}}, 'price.value is "1": expected a number'),
        ({"price": {"_operation": "Increment", "value": True}}, "price.value is true: expected a number"),
        ({"price": {"_operation": "Add", "value": 1}}, "price is 4.5: expected a list for Add to work on"),
        ({"price": {"_operation": "IncrementFrom", "value": 1}}, "expected Increment, Decrement, Add"),
        ({"sold": {"_operation": "Increment", "value": float("inf")}}, "beyond what JSON readers can hold"),
        ({"title": None}, "title is missing"),
    ],
)
def test_a_merge_that_makes_no_product_is_refused(fields, said):
    with pytest.raises(BadRequest, match=said.replace("[", r"\[")):
        merged(MUG, **fields)


def test_a_merge_leaves_the_record_before_it_as_it_was():
    before = MUG | {"tags": ["a"]}

    merged(before, tags={"_operation": "Add", "value": "b"})

    assert before == MUG | {"tags": ["a"]}


@pytest.mark.parametrize("object_id", ["", "  ", 7, "x" * 513, ["a"], "漢" * (MAX_ID_BYTES // 3 + 1)])
def test_an_id_that_the_table_could_not_keep_is_refused(object_id):
    with pytest.raises(BadRequest, match="objectID is"):
        change("put", object_id, {"title": "Mug"})


def test_an_update_without_id_is_refused_and_an_addition_is_given_one():
    with pytest.raises(BadRequest, match="objectID is missing"):
        read_operation({"action": "updateObject", "body": {"title": "Mug"}})

    added = read_operation({"action": "addObject", "body": {"title": "Mug"}})

    assert len(added.object_id) == 32
    assert added.applied(None) == {"objectID": added.object_id, "title": "Mug"}


def test_a_record_is_what_a_hit_would_show():
    assert product_record(MUG | {"price": "4.50", "brand": None, "shelf": "A7"}) == MUG | {"shelf": "A7"}


@pytest.mark.parametrize(
    ("attributes", "names"),
    [
        (["*"], {"objectID", "title", "price"}),
        (["price", "nothing"], {"objectID", "price"}),
        (["*", "-price"], {"objectID", "title"}),
        (["-price"], {"objectID", "title"}),
        (["-objectID"], {"objectID", "title", "price"}),
        ([], {"objectID"}),
    ],
)
def test_the_attributes_wanted_are_shown_and_the_id_always(attributes, names):
    assert set(shown(MUG, attributes)) == names
