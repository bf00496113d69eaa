"""Where an HTTP API is reached."""

import os


def reachable(address: str, api_id: str) -> str:
    """The API's own address; on an emulator, which no name leads to, the path that stands for it there.

    boto3 finds the emulator by the same variable.
    """
    emulator = os.environ.get("AWS_ENDPOINT_URL")
    return f"{emulator}/_aws/execute-api/{api_id}/$default" if emulator else address
