"""The catalogue's table: what it keeps, and how long it is waited for."""

import boto3
import pytest
from botocore.awsrequest import AWSResponse

from functions.aws import clients
from functions.aws.catalogue_store import CatalogueStore
from functions.aws.release_store import StoreUnavailable


class Time:
    """A clock that only pauses move."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def store(settings, time) -> CatalogueStore:
    return CatalogueStore("catalogue", "products", 3.0, time.clock, time.sleep)


def answer_instead(operation, *codes):
    """Answer the next calls with these errors; None lets one through."""
    left = list(codes)

    def answer(**_):
        code = left.pop(0) if left else None
        if code is None:
            return None
        status = 500 if code == "InternalServerError" else 400
        error = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
        return AWSResponse("https://dynamodb", status, {}, None), error

    clients.dynamodb_once().meta.events.register(f"before-call.dynamodb.{operation}", answer)


def test_the_version_counts_writes_from_one(store):
    versions = [store.version(), store.advance(), store.advance(), store.version()]

    assert versions == [0, 1, 2, 2]


def test_all_products_are_read_in_the_order_of_their_ids_and_nothing_else(store):
    store.write("product", {f"{number:04}": {"n": number} for number in reversed(range(300))})
    store.write("synonym", {"s": {"type": "synonym"}})
    store.advance()
    CatalogueStore("catalogue", "others", 3.0).write("product", {"x": {"n": -1}})

    records = store.read_all("product")

    assert list(records) == [f"{number:04}" for number in range(300)]
    assert records["0007"] == {"n": 7}


def test_products_are_spread_over_many_partitions(store):
    store.write("product", {str(number): {} for number in range(1000)})

    parts = {item["part"]["S"] for item in boto3.client("dynamodb").scan(TableName="catalogue")["Items"]}

    assert len(parts) > 200


def test_a_record_that_changed_since_it_was_read_is_not_replaced(store):
    store.write("product", {"mug": {"price": 1}})
    before = store.read("product", ["mug"])["mug"]
    store.write("product", {"mug": {"price": 2}})

    replaced = store.replace("product", "mug", {"price": 3}, before)

    assert not replaced
    assert store.read("product", ["mug"])["mug"].record == {"price": 2}


def test_a_record_that_was_not_there_is_not_written_over_one_that_came_meanwhile(store):
    store.write("product", {"mug": {"price": 2}})

    assert not store.replace("product", "mug", {"price": 3}, None)


@pytest.mark.parametrize(
    "code", ["ThrottlingException", "ProvisionedThroughputExceededException", "InternalServerError"]
)
def test_what_may_pass_is_tried_again_after_a_pause(store, time, code):
    answer_instead("UpdateItem", code, code)

    version = store.advance()

    assert version == 1
    assert len(time.pauses) == 2
    assert 0.025 <= time.pauses[0] <= 0.05


def test_a_table_that_keeps_throttling_is_given_up_within_the_patience(store, time):
    answer_instead("GetItem", *["ThrottlingException"] * 1000)

    with pytest.raises(StoreUnavailable, match="ThrottlingException"):
        store.version()

    assert 2.0 < time.now <= 3.0
    assert max(time.pauses) <= 1.0


def test_what_will_not_pass_is_not_tried_again(store, time):
    answer_instead("GetItem", "AccessDeniedException")

    with pytest.raises(StoreUnavailable, match="AccessDeniedException"):
        store.version()

    assert time.pauses == []


def test_writes_that_a_throttled_table_leaves_out_are_sent_again(store, time):
    left_out = {"catalogue": [{"PutRequest": {"Item": item("b")}}]}
    first = [left_out, {}]

    def leave_out(parsed, **_):
        if first:
            parsed["UnprocessedItems"] = first.pop(0)

    clients.dynamodb_once().meta.events.register("after-call.dynamodb.BatchWriteItem", leave_out)

    failed = store.write("product", {"a": {"n": 1}, "b": {"n": 2}})

    assert failed == {}
    assert len(time.pauses) == 1
    assert first == []


def test_progress_is_told_up_to_the_last_record(store):
    told: list[int] = []

    store.write("product", {str(number): {} for number in range(60)}, told=told.append)

    assert told == [25, 50, 60]


def item(one):
    return {"part": {"S": "products#product#00"}, "id": {"S": one}, "content": {"S": "{}"}, "revision": {"S": "0"}}


@pytest.mark.parametrize("one", ["", "x" * 1025, "\u00e9" * 513])
def test_an_id_that_no_record_can_have_is_not_asked_for(settings, one):
    store = CatalogueStore("a-table-that-is-not-there", "products", 0.0)

    assert store.read("product", [one]) == {}
    assert store.write("synonym", {one: None}) == {}
