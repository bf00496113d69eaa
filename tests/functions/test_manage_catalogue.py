"""The catalogue's routes: raw event in, raw answer out, a table in moto."""

import json
from collections.abc import Callable
from itertools import count
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse

from functions.aws import clients
from functions.aws.catalogue_store import CatalogueStore
from functions.manage_catalogue import handler
from relevance.contracts.catalogue_api import MAX_PRODUCT_BYTES
from tests.builders import an_http_event

PRODUCTS = "/1/indexes/products"
MUG = {"objectID": "mug", "title": "Mug", "price": 4.5, "currency": "EUR"}

Call = Callable[..., tuple[int, Any]]


@pytest.fixture
def call(settings, lambda_context) -> Call:
    """Send one request with the admin key; returns the status and the body, read."""

    def send(method: str, path: str, body: object = None, *, key: str | None = "admin-key", **event: Any):
        answer = handler.lambda_handler(an_http_event(method, path, body, key=key, **event), lambda_context)
        return answer["statusCode"], json.loads(answer["body"])

    return send


def a_batch(*operations: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    return {"requests": [{"action": action, "body": body} for action, body in operations]}


def table_content() -> list[tuple[str, str]]:
    """Everything in the table but the version, as (id, content)."""
    items = boto3.client("dynamodb").scan(TableName="catalogue")["Items"]
    return sorted((item["id"]["S"], item["content"]["S"]) for item in items if "content" in item)


def test_a_product_comes_back_as_it_was_put(call):
    status, saved = call("PUT", f"{PRODUCTS}/mug", {"title": "Mug", "price": 4.5, "currency": "EUR"})

    assert (status, saved["objectID"], saved["taskID"]) == (200, "mug", 1)
    assert "next release" in saved["message"]
    assert call("GET", f"{PRODUCTS}/mug") == (200, MUG)


def test_a_product_can_be_asked_for_some_attributes(call):
    call("PUT", f"{PRODUCTS}/mug", MUG)

    answer = call("GET", f"{PRODUCTS}/mug", query={"attributesToRetrieve": "title,brand"})

    assert answer == (200, {"objectID": "mug", "title": "Mug"})


def test_a_product_that_is_not_there_is_answered_404(call):
    assert call("GET", f"{PRODUCTS}/mug") == (404, {"message": "ObjectID does not exist", "status": 404})


@pytest.mark.parametrize("object_id", ["50% off", "☕ mug", 'the "best"', "naïve#1?", "100%25"])
def test_an_id_of_any_characters_is_found_by_its_address(call, object_id):
    # API Gateway decodes all of a path but %25
    path = f"{PRODUCTS}/{object_id.replace('%', '%25')}"

    call("PUT", path, {"title": "Mug"})

    assert call("GET", path) == (200, {"objectID": object_id, "title": "Mug"})


def test_an_added_product_without_id_is_given_one_and_the_same_when_it_is_sent_again(call):
    _, first = call("POST", PRODUCTS, {"title": "Mug"})
    _, second = call("POST", PRODUCTS, {"title": "Mug"})

    assert first["objectID"] == second["objectID"]
    assert call("GET", f"{PRODUCTS}/{first['objectID']}")[1] == {"objectID": first["objectID"], "title": "Mug"}


def test_a_deleted_product_is_gone_and_may_be_deleted_again(call):
    call("PUT", f"{PRODUCTS}/mug", MUG)

    statuses = [call("DELETE", f"{PRODUCTS}/mug")[0] for _ in range(2)]

    assert statuses == [200, 200]
    assert call("GET", f"{PRODUCTS}/mug")[0] == 404


def test_a_partial_update_changes_the_fields_sent_and_keeps_the_rest(call):
    call("PUT", f"{PRODUCTS}/mug", MUG)

    call("POST", f"{PRODUCTS}/mug/partial", {"price": 5, "brand": "Tuff", "currency": None})

    assert call("GET", f"{PRODUCTS}/mug")[1] == {"objectID": "mug", "title": "Mug", "price": 5.0, "brand": "Tuff"}


def test_a_partial_update_may_count_and_collect(call):
    call("PUT", f"{PRODUCTS}/mug", MUG | {"sold": 3, "tags": ["new", "blue"]})
    operations = {
        "price": {"_operation": "Increment", "value": 0.1},
        "sold": {"_operation": "Decrement", "value": 1},
        "tags": {"_operation": "Remove", "value": "new"},
    }

    call("POST", f"{PRODUCTS}/mug/partial", operations)
    call("POST", f"{PRODUCTS}/mug/partial", {"tags": {"_operation": "AddUnique", "value": "blue"}})

    _, product = call("GET", f"{PRODUCTS}/mug")
    assert (product["price"], product["sold"], product["tags"]) == (4.6, 2, ["blue"])


def test_an_operation_that_does_not_exist_is_named_with_those_that_do(call):
    status, refused = call("POST", f"{PRODUCTS}/mug/partial", {"sold": {"_operation": "Double", "value": 1}})

    assert status == 400
    assert refused["message"] == (
        'sold._operation is "Double": expected Increment, Decrement, Add, Remove or AddUnique'
    )


def test_a_partial_update_of_a_product_that_is_not_there_makes_one_unless_told_not_to(call):
    untouched = call("POST", f"{PRODUCTS}/mug/partial", {"title": "Mug"}, query={"createIfNotExists": "false"})
    before = call("GET", f"{PRODUCTS}/mug")
    call("POST", f"{PRODUCTS}/mug/partial", {"title": "Mug"})

    assert (untouched[0], before[0]) == (200, 404)
    assert call("GET", f"{PRODUCTS}/mug")[0] == 200


def test_what_is_no_product_is_refused_with_field_value_and_expectation(call):
    status, refused = call("PUT", f"{PRODUCTS}/mug", {"title": "Mug", "price": "on request"})

    assert status == 400
    assert refused["message"] == 'price is "on request": expected a number from 0 to 10^12, such as 9.99'
    assert table_content() == []


def test_an_id_in_the_body_that_differs_from_the_address_is_refused(call):
    status, refused = call("PUT", f"{PRODUCTS}/mug", MUG | {"objectID": "cup"})

    assert (status, refused["message"]) == (400, 'objectID is "cup" in the body: expected "mug"')


def test_a_product_of_300_kb_is_kept_whole(call):
    long = "x" * 300_000

    status, _ = call("PUT", f"{PRODUCTS}/mug", MUG | {"description": long})

    assert status == 200
    assert call("GET", f"{PRODUCTS}/mug")[1]["description"] == long


def test_a_product_above_the_limit_is_refused_with_its_size_and_the_limit(call):
    status, refused = call("PUT", f"{PRODUCTS}/mug", MUG | {"description": "x" * MAX_PRODUCT_BYTES})

    assert status == 413
    assert "expected at most 350,000" in refused["message"]


def test_operations_of_a_batch_apply_in_their_order(call):
    batch = a_batch(
        ("addObject", {"objectID": "a", "title": "First"}),
        ("updateObject", {"objectID": "a", "title": "Second", "price": 1}),
        ("partialUpdateObject", {"objectID": "a", "price": 2}),
        ("addObject", {"objectID": "b", "title": "Gone"}),
        ("deleteObject", {"objectID": "b"}),
        ("partialUpdateObjectNoCreate", {"objectID": "c", "title": "Never there"}),
    )

    status, answer = call("POST", f"{PRODUCTS}/batch", batch)

    assert (status, answer["objectIDs"]) == (200, ["a", "a", "a", "b", "b", "c"])
    assert "errors" not in answer
    assert table_content() == [("a", '{"objectID":"a","title":"Second","price":2.0}')]


def test_a_batch_that_can_be_taken_in_part_keeps_that_part_and_names_the_rest(call):
    batch = a_batch(
        ("addObject", {"objectID": "a", "title": "Kept"}),
        ("addObject", {"objectID": "b"}),
        ("clear", {}),
        ("updateObject", {"objectID": "a", "title": 7}),
    )

    status, answer = call("POST", f"{PRODUCTS}/batch", batch)

    assert (status, answer["objectIDs"]) == (207, ["a"])
    assert [(error["index"], error.get("objectID"), error["status"]) for error in answer["errors"]] == [
        (1, "b", 400),
        (2, None, 400),
        (3, "a", 400),
    ]
    assert answer["errors"][0]["message"] == "title is missing: expected text, not blank"
    assert "for a whole index" in answer["errors"][1]["message"]
    assert table_content() == [("a", '{"objectID":"a","title":"Kept"}')]


def test_a_batch_of_which_nothing_can_be_taken_is_refused(call):
    status, answer = call("POST", f"{PRODUCTS}/batch", a_batch(("addObject", {"objectID": "b"})))

    assert (status, answer["status"], len(answer["errors"])) == (400, 400, 1)
    assert "1 of 1 operations were not taken" in answer["message"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "requests is missing: expected a list of at most 1,000 operations"),
        ({"requests": [{}] * 1001}, "expected a list of at most 1,000 operations"),
        ({"requests": [], "more": 1}, '"more" is not known: expected one of requests'),
        ([], "the body is []: expected an object"),
    ],
)
def test_a_body_that_is_no_batch_is_refused_with_what_was_expected(call, body, said):
    status, refused = call("POST", f"{PRODUCTS}/batch", body)

    assert status == 400
    assert said in refused["message"]


@pytest.mark.parametrize("operation", [7, None, {"action": "addObject"}, {"action": "fly", "body": {}}, {"body": []}])
def test_an_operation_that_is_none_is_refused_by_itself(call, operation):
    body = {"requests": [operation, {"action": "addObject", "body": MUG}]}

    status, answer = call("POST", f"{PRODUCTS}/batch", body)

    assert (status, answer["objectIDs"], answer["errors"][0]["index"]) == (207, ["mug"], 0)


def test_the_same_batch_twice_leaves_the_same_products(call):
    batch = a_batch(("addObject", {"title": "No id"}), ("updateObject", MUG), ("deleteObject", {"objectID": "x"}))

    call("POST", f"{PRODUCTS}/batch", batch)
    before = table_content()
    call("POST", f"{PRODUCTS}/batch", batch)

    assert table_content() == before
    assert len(before) == 2


def test_a_thousand_operations_are_taken_in_one_call(call):
    batch = a_batch(*(("addObject", {"objectID": str(number), "title": "Mug"}) for number in range(1000)))

    status, answer = call("POST", f"{PRODUCTS}/batch", batch)

    assert (status, len(answer["objectIDs"])) == (200, 1000)
    assert len(table_content()) == 1000


def test_several_products_are_read_in_one_call_with_null_for_what_is_not_there(call):
    call("PUT", f"{PRODUCTS}/mug", MUG)
    requests = [
        {"indexName": "products", "objectID": "cup"},
        {"indexName": "products", "objectID": "mug", "attributesToRetrieve": ["price"]},
    ]

    status, answer = call("POST", "/1/indexes/*/objects", {"requests": requests})

    assert (status, answer["results"]) == (200, [None, {"objectID": "mug", "price": 4.5}])


def test_a_null_that_a_shop_keeps_in_a_field_of_its_own_comes_back(call):
    call("PUT", f"{PRODUCTS}/mug", {"title": "Mug", "shelf": None})

    one = call("GET", f"{PRODUCTS}/mug")[1]
    several = call("POST", "/1/indexes/*/objects", {"requests": [{"indexName": "products", "objectID": "mug"}]})[1]

    assert one == several["results"][0] == {"objectID": "mug", "title": "Mug", "shelf": None}


def test_two_who_change_a_product_at_once_both_have_their_way(call, settings):
    call("PUT", f"{PRODUCTS}/mug", MUG | {"sold": 1})
    store = CatalogueStore("catalogue", "products", 1.0)
    quicker = [MUG | {"sold": 5}]

    def write_in_between(**_):
        if quicker:
            store.write("product", {"mug": quicker.pop()})

    clients.dynamodb_once().meta.events.register("before-call.dynamodb.PutItem", write_in_between)

    status, _ = call("POST", f"{PRODUCTS}/mug/partial", {"sold": {"_operation": "Increment", "value": 1}})

    assert status == 200
    assert call("GET", f"{PRODUCTS}/mug")[1]["sold"] == 6


def test_a_partial_update_behind_a_refused_replacement_starts_from_what_is_stored(call):
    call("PUT", f"{PRODUCTS}/mug", MUG)
    batch = a_batch(("updateObject", {"objectID": "mug"}), ("partialUpdateObject", {"objectID": "mug", "price": 9}))

    status, answer = call("POST", f"{PRODUCTS}/batch", batch)

    assert (status, [error["index"] for error in answer["errors"]]) == (207, [0])
    assert call("GET", f"{PRODUCTS}/mug")[1] == MUG | {"price": 9.0}


def test_settings_are_merged_and_null_takes_one_back(call):
    call("PUT", f"{PRODUCTS}/settings", {"customRanking": ["desc(rating)"], "typoTolerance": "min"})

    _, answer = call("PUT", f"{PRODUCTS}/settings", {"typoTolerance": None, "replicas": ["products_newest"]})

    assert answer["taskID"] == 2
    assert call("GET", f"{PRODUCTS}/settings") == (
        200,
        {"customRanking": ["desc(rating)"], "replicas": ["products_newest"]},
    )


def test_settings_that_change_nothing_here_are_named(call):
    given = {"ignorePlurals": True, "enableRules": False, "replicas": ["products_newest", "products_by_name"]}

    status, answer = call("PUT", f"{PRODUCTS}/settings", given)

    assert status == 200
    assert answer["warnings"] == [
        "ignorePlurals is not implemented and changes nothing",
        "enableRules is kept, and changes nothing yet",
        "replicas: products_by_name sorts by nothing: expected a name that ends in _price_asc, _price_desc, _newest",
    ]
    del given["ignorePlurals"]
    assert call("GET", f"{PRODUCTS}/settings")[1] == given


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"colour": "red"}, '"colour" is not known'),
        ({"customRanking": ["rating"]}, 'expected a list such as ["desc(rating)", "asc(price)"]'),
        ({"typoTolerance": "often"}, 'typoTolerance is "often": expected true, false, "min" or "strict"'),
        ({"attributesForFaceting": ["searchable(brand"]}, "expected a list of attribute names"),
    ],
)
def test_settings_that_are_wrong_are_refused_with_what_was_expected(call, given, said):
    status, refused = call("PUT", f"{PRODUCTS}/settings", given)

    assert status == 400
    assert said in refused["message"]


SYNONYMS = [
    {"objectID": "1", "type": "synonym", "synonyms": ["couch", "sofa"]},
    {"objectID": "2", "type": "onewaysynonym", "input": "tablet", "synonyms": ["ipad"]},
    {"objectID": "3", "type": "altCorrection1", "word": "shirt", "corrections": ["tshirt"]},
    {"objectID": "4", "type": "altcorrection2", "word": "phone", "corrections": ["mobile"]},
    {"objectID": "5", "type": "placeholder", "placeholder": "<size>", "replacements": ["s", "m"]},
]


def test_all_five_kinds_of_synonyms_come_back_as_they_were_put(call):
    status, _ = call("POST", f"{PRODUCTS}/synonyms/batch", SYNONYMS)

    assert status == 200
    assert [call("GET", f"{PRODUCTS}/synonyms/{number}")[1] for number in range(1, 6)] == SYNONYMS


def test_synonyms_are_searched_by_kind_and_by_their_words(call):
    call("POST", f"{PRODUCTS}/synonyms/batch", SYNONYMS)

    _, by_word = call("POST", f"{PRODUCTS}/synonyms/search", {"query": "SOFA"})
    _, by_kind = call("POST", f"{PRODUCTS}/synonyms/search", {"type": "oneWaySynonym"})
    _, page = call("POST", f"{PRODUCTS}/synonyms/search", {"page": 1, "hitsPerPage": 2})

    assert by_word == {"hits": SYNONYMS[:1], "nbHits": 1}
    assert by_kind == {"hits": SYNONYMS[1:2], "nbHits": 1}
    assert page == {"hits": SYNONYMS[2:4], "nbHits": 5}


def test_a_batch_of_synonyms_can_take_the_place_of_all_there_were(call):
    call("POST", f"{PRODUCTS}/synonyms/batch", SYNONYMS)

    call("POST", f"{PRODUCTS}/synonyms/batch", SYNONYMS[:1], query={"replaceExistingSynonyms": "true"})

    assert call("POST", f"{PRODUCTS}/synonyms/search", {})[1]["hits"] == SYNONYMS[:1]


def test_synonyms_are_deleted_one_by_one_or_all_at_once(call):
    call("POST", f"{PRODUCTS}/synonyms/batch", SYNONYMS)

    call("DELETE", f"{PRODUCTS}/synonyms/1")
    after_one = call("POST", f"{PRODUCTS}/synonyms/search", {})[1]["nbHits"]
    call("POST", f"{PRODUCTS}/synonyms/clear")

    assert after_one == 4
    assert call("POST", f"{PRODUCTS}/synonyms/search", {})[1]["nbHits"] == 0
    assert call("GET", f"{PRODUCTS}/synonyms/2")[0] == 404


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"type": "antonym"}, 'type is "antonym": expected synonym, oneWaySynonym'),
        ({"type": "synonym", "synonyms": ["one"]}, "expected a list of 2 to 100 texts"),
        ({"type": "placeholder", "placeholder": "size", "replacements": ["s"]}, "expected text in angle brackets"),
        ({"type": "synonym", "synonyms": ["a", "b"], "input": "c"}, '"input" is not known'),
    ],
)
def test_a_synonym_that_is_wrong_is_refused_with_what_was_expected(call, given, said):
    status, refused = call("PUT", f"{PRODUCTS}/synonyms/s", given)

    assert status == 400
    assert said in refused["message"]


def test_one_wrong_synonym_of_several_keeps_all_of_them_out(call):
    status, refused = call("POST", f"{PRODUCTS}/synonyms/batch", [SYNONYMS[0], {"type": "synonym"}])

    assert status == 400
    assert refused["message"].startswith("[1].objectID is missing")
    assert table_content() == []


def test_a_write_is_published_once_the_live_release_holds_it(call, publish, release_folder, tmp_path):
    _, saved = call("PUT", f"{PRODUCTS}/mug", MUG)
    before = call("GET", f"{PRODUCTS}/task/{saved['taskID']}")
    publish(a_copy(release_folder, tmp_path / "next", catalogue_version=saved["taskID"]))

    after = call("GET", f"{PRODUCTS}/task/{saved['taskID']}")

    assert before[1]["status"] == "notPublished"
    assert after == (200, {"status": "published", "pendingTask": False})


def test_a_release_from_a_file_publishes_no_write(call, publish, release_folder):
    _, saved = call("PUT", f"{PRODUCTS}/mug", MUG)
    publish(release_folder)

    _, task = call("GET", f"{PRODUCTS}/task/{saved['taskID']}")

    assert (task["status"], task["pendingTask"]) == ("notPublished", True)


@pytest.mark.parametrize(("task", "status"), [("2", 404), ("0", 404), ("-1", 400), ("one", 400), ("٣", 400)])
def test_a_task_that_never_was_is_said_to_be_none(call, task, status):
    call("PUT", f"{PRODUCTS}/mug", MUG)

    assert call("GET", f"{PRODUCTS}/task/{task}")[0] == status


def test_another_index_does_not_exist(call):
    status, refused = call("PUT", "/1/indexes/others/mug", MUG)

    assert (status, refused["message"]) == (404, "Index others does not exist: expected products")


@pytest.mark.parametrize("key", ["search-key", "wrong", None])
def test_only_the_admin_key_opens_the_catalogue(call, key):
    assert call("PUT", f"{PRODUCTS}/mug", MUG, key=key)[0] == 403
    assert call("GET", f"{PRODUCTS}/mug", key=key)[0] == 403


def test_a_body_above_one_mebibyte_is_refused(call):
    assert call("POST", f"{PRODUCTS}/batch", raw_body=" " * (1 << 20) + "{}")[0] == 413


def test_a_table_that_is_away_is_answered_503_with_what_failed(call):
    boto3.client("dynamodb").delete_table(TableName="catalogue")

    status, answer = call("POST", f"{PRODUCTS}/batch", a_batch(("addObject", MUG), ("addObject", {"objectID": "b"})))

    assert (status, answer["status"]) == (503, 503)
    assert [(error["objectID"], error["status"]) for error in answer["errors"]] == [("mug", 503), ("b", 400)]
    assert call("GET", f"{PRODUCTS}/mug")[0] == 503


def test_a_table_that_throttles_is_answered_503_and_what_it_took_is_kept(call, monkeypatch):
    monkeypatch.setenv("TABLE_PATIENCE_SECONDS", "0")
    handler.settings.cache_clear()
    throttle(clients.dynamodb_once(), "BatchWriteItem", from_call=2)
    batch = a_batch(*(("addObject", {"objectID": f"{number:02}", "title": "Mug"}) for number in range(30)))

    status, answer = call("POST", f"{PRODUCTS}/batch", batch)

    kept = [object_id for object_id, _ in table_content()]
    assert status == 503
    assert {error["status"] for error in answer["errors"]} == {503}
    assert sorted(kept + [error["objectID"] for error in answer["errors"]]) == [f"{n:02}" for n in range(30)]
    assert len(kept) in (5, 25)
    assert "ThrottlingException" in answer["errors"][0]["message"]


def test_an_unavailable_answer_says_when_to_try_again(settings, lambda_context):
    boto3.client("dynamodb").delete_table(TableName="catalogue")

    answer = handler.lambda_handler(an_http_event("GET", f"{PRODUCTS}/mug", key="admin-key"), lambda_context)

    assert (answer["statusCode"], answer["headers"]["Retry-After"]) == (503, "1")


def throttle(client, operation, *, from_call):
    """Answer that operation, from the given call on, as a throttling DynamoDB does."""
    calls = count(1)

    def answer(**_):
        if next(calls) < from_call:
            return None
        error = {"Error": {"Code": "ThrottlingException", "Message": "slower"}, "ResponseMetadata": {}}
        return AWSResponse("https://dynamodb", 400, {}, None), error | {"ResponseMetadata": {"HTTPStatusCode": 400}}

    client.meta.events.register(f"before-call.dynamodb.{operation}", answer)


def a_copy(release, folder, **fields):
    """The same release under the folder's name, its manifest saying something else."""
    folder.mkdir()
    for path in release.iterdir():
        (folder / path.name).symlink_to(path)
    manifest = json.loads((release / "manifest.json").read_text()) | fields | {"release_id": folder.name}
    (folder / "manifest.json").unlink()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder
