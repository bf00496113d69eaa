import boto3
import pytest

from functions.aws.key_store import KeyStore, write_keys
from functions.aws.release_store import StoreUnavailable
from functions.keys import KeyRing, key_hash, require_key
from relevance.errors import BadRequest

RING = KeyRing(search=(key_hash("s"),), admin=(key_hash("a"),))


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({"x-algolia-api-key": "s"}, {}),
        ({"x-api-key": "s"}, {}),
        ({}, {"x-algolia-api-key": "s"}),
        ({}, {"X-Algolia-API-Key": "s"}),
        ({"x-algolia-api-key": ""}, {"x-api-key": "s"}),
    ],
)
def test_a_key_may_come_as_header_or_query_parameter(headers, query):
    assert require_key(headers, query, RING, ("search",)) == "search"


def test_a_key_of_a_kind_that_the_route_does_not_take_is_refused():
    with pytest.raises(BadRequest, match="Invalid Application-ID or API key") as refused:
        require_key({"x-algolia-api-key": "s"}, {}, RING, ("admin",))

    assert refused.value.status == 403


def test_no_keys_at_all_let_nobody_in():
    with pytest.raises(BadRequest):
        require_key({"x-algolia-api-key": ""}, {}, KeyRing(), ("search", "admin"))


def test_the_stored_parameter_is_encrypted_and_holds_no_key(settings):
    stored = boto3.client("ssm").get_parameter(Name=settings.key_parameter)["Parameter"]

    assert stored["Type"] == "SecureString"
    assert "search-key" not in stored["Value"]


def test_keys_that_can_no_longer_be_read_stay_valid(settings, monkeypatch):
    store = KeyStore(settings.key_parameter)
    before = store.ring()
    boto3.client("ssm").delete_parameter(Name=settings.key_parameter)
    monkeypatch.setattr(store, "_read_at", -1e9)

    assert store.ring() == before


def test_keys_that_were_never_read_make_the_service_unavailable(settings):
    with pytest.raises(StoreUnavailable, match="/vitrine/none cannot be read: ParameterNotFound"):
        KeyStore("/vitrine/none").ring()


def test_a_parameter_that_is_no_key_ring_is_not_quoted(settings):
    boto3.client("ssm").put_parameter(
        Name=settings.key_parameter, Value='{"secret": "x"}', Type="SecureString", Overwrite=True
    )

    with pytest.raises(StoreUnavailable) as failure:
        KeyStore(settings.key_parameter).ring()

    assert "secret" not in str(failure.value)


def test_rewritten_keys_replace_the_old(settings):
    write_keys(settings.key_parameter, KeyRing(search=(key_hash("new"),)))

    ring = KeyStore(settings.key_parameter).ring()

    assert (ring.kind_of("new"), ring.kind_of("search-key"), ring.kind_of("admin-key")) == ("search", None, None)
