"""Algolia's JavaScript client, as npm has it, told only where to send its requests."""

import pytest

pytestmark = [pytest.mark.local_cloud, pytest.mark.slow]


def test_one_search_finds_a_product_by_its_words(javascript):
    answer = javascript("""
        return client.searchSingleIndex({
            indexName: "products", searchParams: { query: "red running shoes", hitsPerPage: 2 } });
    """)

    assert {hit["objectID"] for hit in answer["hits"]} == {"p0", "p20"}  # the two pairs that are red
    assert answer["hits"][0]["_highlightResult"]["title"]["value"] == "<em>Red</em> <em>running</em> <em>shoes</em>"


def test_several_searches_and_a_facet_search_travel_in_one_call(javascript):
    mice, brands = javascript("""
        const { results } = await client.search({ requests: [
            { indexName: "products", query: "wireless mouse", hitsPerPage: 3 },
            { indexName: "products", type: "facet", facet: "brand", facetQuery: "zen" },
        ] });
        return results;
    """)

    assert all("mouse" in hit["title"] for hit in mice["hits"])
    assert brands["facetHits"] == [{"value": "Zenith", "highlighted": "<em>Zen</em>ith", "count": 20}]


def test_facets_count_and_describe_the_result_set(javascript):
    answer = javascript("""
        return client.searchSingleIndex({ indexName: "products", searchParams: {
            query: "", facets: ["brand", "price"], filters: "brand:Acme AND price >= 40", hitsPerPage: 0 } });
    """)

    assert answer["facets"]["brand"] == {"Acme": 5}  # 40, 42, 44, 46 and 48
    assert answer["facets_stats"]["price"] == {"min": 40, "max": 48, "avg": 44, "sum": 220}


def test_a_facets_values_can_be_searched(javascript):
    answer = javascript("""
        return client.searchForFacetValues({ indexName: "products", facetName: "attributes.colour",
            searchForFacetValuesRequest: { facetQuery: "bl" } });
    """)

    assert {hit["value"]: hit["count"] for hit in answer["facetHits"]} == {"black": 8, "blue": 8}


def test_a_sorted_replica_is_an_index_of_its_own_to_the_client(javascript):
    dear, cheap, newest = javascript("""
        const first = async (indexName) => (await client.searchSingleIndex({
            indexName, searchParams: { query: "", hitsPerPage: 3 } })).hits;
        return [await first("products_price_desc"), await first("products_price_asc"), await first("products_newest")];
    """)

    assert [hit["price"] for hit in dear] == [49, 48, 47]
    assert [hit["price"] for hit in cheap] == [5, 10, 11]
    assert [hit["objectID"] for hit in newest] == ["p0", "p1", "p2"]


def test_page_after_page_brings_every_product_once(javascript):
    pages = javascript("""
        const pages = [];
        for (let page = 0, all = 1; page < all; page += 1) {
            const answer = await client.searchSingleIndex({
                indexName: "products", searchParams: { query: "", hitsPerPage: 15, page } });
            all = answer.nbPages;
            pages.push(answer.hits.map((hit) => hit.objectID));
        }
        return pages;
    """)

    assert [len(ids) for ids in pages] == [15, 15, 11]
    assert len({product for ids in pages for product in ids}) == 41


def test_what_a_secured_key_seals_in_holds_whatever_the_search_asks_for(javascript):
    counted = javascript("""
        const key = client.generateSecuredApiKey({
            parentApiKey: "local-parent", restrictions: { filters: "brand:Zenith" } });
        const { facets } = await clientWith(key).searchSingleIndex({
            indexName: "products", searchParams: { query: "", filters: "price < 20", facets: ["brand"] } });
        return facets.brand;
    """)

    assert counted == {"Zenith": 5}  # 11, 13, 15, 17 and 19


def test_an_expired_secured_key_is_refused(javascript):
    refused = javascript("""
        const key = client.generateSecuredApiKey({ parentApiKey: "local-parent", restrictions: { validUntil: 1 } });
        return clientWith(key).searchSingleIndex({ indexName: "products", searchParams: { query: "" } });
    """)

    assert (refused["error"], refused["status"]) == ("ApiError", 403)


def test_a_wrong_key_is_the_clients_own_error(javascript):
    refused = javascript(
        'return client.searchSingleIndex({ indexName: "products", searchParams: { query: "" } });', key="local-searc"
    )

    expected = {"error": "ApiError", "message": "Invalid Application-ID or API key", "status": 403}
    assert refused == expected


def test_a_filter_that_makes_no_sense_is_explained(javascript):
    refused = javascript("""
        return client.searchSingleIndex({
            indexName: "products", searchParams: { query: "", filters: "brand:Acme AND (price < 20" } });
    """)

    assert (refused["error"], refused["status"]) == ("ApiError", 400)
    assert "filters" in refused["message"]
