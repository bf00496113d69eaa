"""SageMaker Runtime's stand-in, asked by a real boto3 client, before a small program of the test's own."""

import asyncio
import threading
from contextlib import contextmanager

import boto3
import pytest
from aiohttp import web
from botocore.config import Config
from botocore.exceptions import ClientError

from local.cloud import free_port
from local.sagemaker_runtime import ATTRIBUTES, make_runtime


@contextmanager
def served(application):
    """The address of an application that is served by a thread of its own."""
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(application)

    async def start():
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    address = loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield address
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def answering(respond):
    application = web.Application()
    application.router.add_post("/invocations", respond)
    return application


def invoke(address, name="vitrine-local", **more):
    client = boto3.client(
        "sagemaker-runtime", endpoint_url=address, config=Config(retries={"total_max_attempts": 1}, read_timeout=20)
    )
    try:
        return client.invoke_endpoint(EndpointName=name, Body=b'{"task": "x"}', ContentType="application/json", **more)
    finally:
        client.close()


def error_of(address, name="vitrine-local"):
    with pytest.raises(ClientError) as raised:
        invoke(address, name)
    return raised.value


def test_an_answer_goes_through_with_the_attributes_that_came_with_the_question():
    seen = {}

    async def respond(request):
        seen.update(body=await request.read(), attributes=request.headers[ATTRIBUTES], kind=request.content_type)
        return web.json_response({"fine": True})

    with served(answering(respond)) as program, served(make_runtime("vitrine-local", program)) as address:
        answer = invoke(address, CustomAttributes="deadline_ms=60")

    assert answer["Body"].read() == b'{"fine": true}'
    assert answer["ContentType"].startswith("application/json")
    assert answer["InvokedProductionVariant"] == "AllTraffic"
    assert seen == {"body": b'{"task": "x"}', "attributes": "deadline_ms=60", "kind": "application/json"}


@pytest.mark.parametrize("status", [400, 429, 500, 503])
def test_what_the_program_refuses_is_a_model_error_with_its_status_and_message(status):
    async def respond(_):
        return web.json_response({"message": "why", "status": status}, status=status)

    with served(answering(respond)) as program, served(make_runtime("vitrine-local", program)) as address:
        error = error_of(address)

    assert error.response["Error"]["Code"] == "ModelError"
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert error.response["OriginalStatusCode"] == status
    assert '"message": "why"' in error.response["OriginalMessage"]
    assert f"({status}) from primary" in error.response["Error"]["Message"]


def test_an_endpoint_of_another_name_is_not_found():
    with served(make_runtime("vitrine-local", f"http://127.0.0.1:{free_port()}")) as address:
        error = error_of(address, "vitrine-prod")

    assert error.response["Error"]["Code"] == "ValidationError"
    assert error.response["Error"]["Message"] == "Endpoint vitrine-prod of account 000000000000 not found."
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_a_program_that_is_not_there_is_a_model_error_of_the_server():
    with served(make_runtime("vitrine-local", f"http://127.0.0.1:{free_port()}")) as address:
        error = error_of(address)

    assert (error.response["Error"]["Code"], error.response["OriginalStatusCode"]) == ("ModelError", 0)
    assert "gave no answer" in error.response["OriginalMessage"]


def test_a_program_that_does_not_answer_is_a_model_error_when_the_patience_ends():
    hanging = asyncio.Event()

    async def respond(_):
        await hanging.wait()
        return web.Response()

    async def let_go(_):
        hanging.set()

    program_application = answering(respond)
    program_application.on_shutdown.append(let_go)
    with served(program_application) as program:
        runtime = make_runtime("vitrine-local", program, patience_seconds=0.2)
        with served(runtime) as address:
            error = error_of(address)

    assert (error.response["Error"]["Code"], error.response["OriginalStatusCode"]) == ("ModelError", 0)
    assert "timed out while waiting" in error.response["OriginalMessage"]
