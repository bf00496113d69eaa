"""A shop's own server writes its catalogue with Algolia's JavaScript client."""

import pytest

pytestmark = [pytest.mark.local_cloud, pytest.mark.changes_catalogue, pytest.mark.slow]

INDEX = 'const indexName = "products";'


def test_what_the_client_writes_it_reads_back(javascript):
    kite, several, gone = javascript(
        INDEX
        + """
        await client.saveObjects({ indexName, objects: [
            { objectID: "js-kite", title: "Paper kite", price: 12.5, currency: "EUR" },
            { objectID: "js-top", title: "Spinning top" },
        ] });
        await client.partialUpdateObject({
            indexName, objectID: "js-kite", attributesToUpdate: { price: 9.5, brand: "Aeolus" } });
        const { results } = await client.getObjects({ requests: [
            { indexName, objectID: "js-kite", attributesToRetrieve: ["title"] },
            { indexName, objectID: "js-none" },
        ] });
        await client.deleteObject({ indexName, objectID: "js-top" });
        const gone = await client.getObject({ indexName, objectID: "js-top" }).catch(({ status }) => status);
        return [await client.getObject({ indexName, objectID: "js-kite" }), results, gone];
        """,
        key="local-admin",
    )

    assert (kite["title"], kite["price"], kite["brand"]) == ("Paper kite", 9.5, "Aeolus")
    assert several == [{"objectID": "js-kite", "title": "Paper kite"}, None]
    assert gone == 404


def test_settings_are_kept_as_they_were_set(javascript):
    settings = javascript(
        INDEX
        + """
        await client.setSettings({ indexName, indexSettings: { unretrievableAttributes: ["cost_price"] } });
        const kept = await client.getSettings({ indexName });
        await client.setSettings({ indexName, indexSettings: { unretrievableAttributes: [] } });
        return kept;
        """,
        key="local-admin",
    )

    assert settings["unretrievableAttributes"] == ["cost_price"]


def test_a_search_key_may_not_write(javascript):
    refused = javascript(
        'return client.saveObjects({ indexName: "products", objects: [{ objectID: "js-no", title: "No" }] });'
    )

    assert (refused["error"], refused["status"]) == ("ApiError", 403)


def test_a_product_that_cannot_be_taken_is_the_clients_error_and_named(javascript):
    refused = javascript(
        'return client.saveObjects({ indexName: "products", objects: [{ objectID: "js-bad", title: 7 }] });',
        key="local-admin",
    )

    assert (refused["error"], refused["status"]) == ("ApiError", 400)
    assert "js-bad" in refused["message"] or "title" in refused["message"]


def test_the_client_waits_for_its_task_until_a_release_holds_it(javascript, local_cloud):
    task = javascript(
        INDEX
        + """
        await client.saveSynonyms({ indexName, synonymHit: [
            { objectID: "js-synonym", type: "synonym", synonyms: ["diabolo", "juggling spool"] } ] });
        const [{ taskID }] = await client.saveObjects({ indexName, objects: [
            { objectID: "js-diabolo", title: "Beech diabolo", price: 18, currency: "EUR" } ] });
        const { status } = await client.getTask({ indexName, taskID });
        return { taskID, status };
        """,
        key="local-admin",
    )
    released = local_cloud.make("release")
    found = javascript(
        INDEX
        + f"""
        await client.waitForTask({{ indexName, taskID: {task["taskID"]} }});
        return client.searchSingleIndex({{ indexName, searchParams: {{ query: "juggling spool", hitsPerPage: 1 }} }});
        """,
        key="local-admin",
    )

    assert released.returncode == 0, f"{released.stdout}\n{released.stderr}"
    assert task["status"] == "notPublished"
    assert found["hits"][0]["objectID"] == "js-diabolo"
