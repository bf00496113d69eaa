"""The clients that load the endpoint, against a small server of the test's own."""

import asyncio

from aiohttp import web

from benchmarks.serve import ask, made_up_queries


def asked_of(respond, queries, clients):
    async def run():
        application = web.Application()
        application.router.add_post("/invocations", respond)
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            return await ask(f"http://127.0.0.1:{runner.addresses[0][1]}", queries, clients, 60)
        finally:
            await runner.cleanup()

    return asyncio.run(run())


def test_every_query_is_asked_once_by_as_many_clients_as_were_said():
    asked, waiting, most = [], [], 0

    async def respond(request):
        nonlocal most
        asked.extend((await request.json())["texts"])
        waiting.append(request)
        most = max(most, len(waiting))
        while len(asked) < 3:
            await asyncio.sleep(0)
        waiting.remove(request)
        return web.Response(status=429 if "b" in asked[-1:] else 200)

    times, outcomes, _ = asked_of(respond, list("abcdef"), clients=3)

    assert sorted(asked) == list("abcdef")
    assert len(times) == sum(outcomes.values()) == 6
    assert most == 3


def test_made_up_queries_are_the_same_every_time_and_have_one_to_four_words():
    queries = made_up_queries(50)

    assert queries == made_up_queries(50)
    assert {len(query.split()) for query in queries} <= {1, 2, 3, 4}
