"""The sender of a steady rate, against a small server of the test's own."""

import asyncio

from aiohttp import web

from benchmarks.load import send


def answers_of(respond, queries, per_second):
    """What `send` saw of a server that answers with `respond`."""

    async def run():
        app = web.Application()
        app.router.add_post("/1/indexes/products/query", respond)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            return await send(f"http://127.0.0.1:{runner.addresses[0][1]}", queries, per_second)
        finally:
            await runner.cleanup()

    return asyncio.run(run())


def test_every_query_is_asked_once_and_each_answer_kept_with_its_status():
    asked = []

    async def respond(request):
        query = (await request.json())["query"]
        asked.append(query)
        return web.json_response({}, status=503 if query == "b" else 200)

    answered = answers_of(respond, ["a", "b", "c"], 1000)

    assert sorted(asked) == ["a", "b", "c"]
    assert [one.outcome for one in answered] == ["200", "503", "200"]


def test_a_search_is_sent_when_it_is_due_though_none_before_was_answered():
    waiting = []

    async def respond(request):
        waiting.append(request)
        while len(waiting) < 3:
            await asyncio.sleep(0.001)
        return web.json_response({})

    answered = answers_of(respond, ["a", "b", "c"], 1000)

    assert [one.outcome for one in answered] == ["200", "200", "200"]


def test_a_connection_that_breaks_is_an_outcome_and_not_the_end_of_the_run():
    async def respond(request):
        if (await request.json())["query"] == "a":
            request.transport.close()
        return web.json_response({})

    answered = answers_of(respond, ["a", "b"], 1000)

    assert answered[0].outcome == "ServerDisconnectedError"
    assert answered[1].outcome == "200"
