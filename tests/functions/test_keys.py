import boto3
import pytest
from algoliasearch.search.client import SearchClientSync

from functions.aws.key_store import KeyStore, write_keys
from functions.aws.release_store import StoreUnavailable
from functions.keys import Caller, KeyRing, key_hash, require_key
from relevance.errors import BadRequest
from relevance.filters import All, Is

NOW = 1_800_000_000
RING = KeyRing(search=(key_hash("s"),), admin=(key_hash("a"),), parents=("p",))


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
    assert require_key(headers, query, RING, ("search",), now_seconds=NOW).kind == "search"


def test_a_key_of_a_kind_that_the_route_does_not_take_is_refused():
    with pytest.raises(BadRequest, match="Invalid Application-ID or API key") as refused:
        require_key({"x-algolia-api-key": "s"}, {}, RING, ("admin",), now_seconds=NOW)

    assert refused.value.status == 403


def secured(parent="p", **restrictions):
    """A key as the official client makes it."""
    return SearchClientSync("app", "unused").generate_secured_api_key(parent, restrictions)


def caller_of(key, kinds=("search", "secured")):
    return require_key({"x-algolia-api-key": key}, {}, RING, kinds, now_seconds=NOW)


def test_a_secured_key_of_the_official_client_is_taken_with_what_it_seals_in():
    caller = caller_of(
        secured(filters='brand:Sony AND colour:"Jet Black"', validUntil=NOW + 60, restrictIndices="products")
    )

    assert caller == Caller("secured", All((Is("brand", "Sony"), Is("colour", "Jet Black"))), ("products",))


def test_a_secured_key_without_restrictions_is_taken():
    assert caller_of(secured()) == Caller("secured")


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (secured(parent="another"), "Invalid Application-ID or API key"),
        (secured(filters="brand:Sony")[:-4] + "AAA=", "Invalid Application-ID or API key"),
        (secured(validUntil=NOW), "the key is no longer valid"),
        (secured(validUntil="soon"), "the key is no longer valid"),
        (secured(hitsPerPage=3), "the key seals in hitsPerPage, which this API does not hold to"),
        ("p", "Invalid Application-ID or API key"),
        ("AAAA", "Invalid Application-ID or API key"),
        ("\u00e9", "Invalid Application-ID or API key"),
    ],
)
def test_a_secured_key_that_is_tampered_expired_or_not_understood_is_refused(key, said):
    with pytest.raises(BadRequest, match=said) as refused:
        caller_of(key)

    assert refused.value.status == 403


def test_a_secured_key_is_no_search_key():
    with pytest.raises(BadRequest, match="Invalid"):
        caller_of(secured(), kinds=("search", "admin"))


def test_without_parents_nobody_can_make_a_key():
    with pytest.raises(BadRequest, match="Invalid"):
        require_key({"x-algolia-api-key": secured(parent="")}, {}, KeyRing(), ("secured",), now_seconds=NOW)


def test_no_keys_at_all_let_nobody_in():
    with pytest.raises(BadRequest):
        require_key({"x-algolia-api-key": ""}, {}, KeyRing(), ("search", "admin"), now_seconds=NOW)


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

    assert (ring.search, ring.admin) == ((key_hash("new"),), ())
