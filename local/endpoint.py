"""The large model's endpoint beside the local cloud: the program of the container as a process, and the AWS API before
it.

`make up ENDPOINT=1` packs the original encoder, or the one in `ENDPOINT_MODEL=folder` (what train_encoder wrote), and
starts both; each can be ended and started again on its port while the cloud runs.
"""

import http.client
import os
import sys
import time
from pathlib import Path

from local.commands import run
from local.fingerprint import fingerprint_of
from local.folders import PROJECT, LocalFolder
from local.processes import start_server
from local.progress import Progress, StepFailed, last_lines
from local.state import LocalState

ENDPOINT_NAME = "vitrine-local"
START_SECONDS = 60
_CODE = ("models", "relevance", "sagemaker_jobs")
"""What the packed folder depends on, beside the encoder."""


def endpoint_is_wanted() -> bool:
    """Whether `ENDPOINT=1` was given."""
    return os.environ.get("ENDPOINT", "0") not in ("", "0")


def pack_model(progress: Progress, folder: LocalFolder) -> Path:
    """The served folder of the encoder that was asked for; reused when nothing changed.

    Raises:
        StepFailed: If there is no such encoder, or it cannot be packed.
    """
    named = os.environ.get("ENDPOINT_MODEL", "")
    encoder = Path(named).absolute() if named else None
    if encoder and not encoder.is_dir():
        raise StepFailed("Large model", f"ENDPOINT_MODEL={named}: no such folder", "name what train_encoder wrote")
    read = [PROJECT / name for name in _CODE] + ([encoder] if encoder else [])
    packed = folder.root / "large_model" / fingerprint_of(read, named)[:16]
    if (packed / "manifest.json").is_file():
        return packed
    with progress.step("Large model", log := folder.log("large_model")):
        command = [sys.executable, "-m", "sagemaker_jobs.package_model", "--output", str(packed)]
        command += ["--encoder", str(encoder)] if encoder else []
        run("Large model", command, log=log, advice="read the log; `make test-environment` installs what packing needs")
    return packed


def start_endpoint(progress: Progress, folder: LocalFolder, state: LocalState) -> None:
    """Both servers, started on the ports that the cloud was told of, or found running.

    Raises:
        StepFailed: If one ends, or the networks do not answer within a minute.
    """
    packed = pack_model(progress, folder)
    program = [sys.executable, "-m", "sagemaker_jobs.serve", "--model", str(packed), "--port", str(state.endpoint_port)]
    runtime = [sys.executable, "-m", "local.sagemaker_runtime", "--port", str(state.sagemaker_runtime_port)]
    runtime += ["--endpoint", ENDPOINT_NAME, "--program", f"http://127.0.0.1:{state.endpoint_port}"]
    with progress.step("Endpoint", log := folder.log("endpoint")):
        for name, command in (("endpoint", program), ("sagemaker_runtime", runtime)):
            if state.running(name) and state.endpoint_commands.get(name) == command:
                continue
            if server := state.running(name):
                server.end()
            state.servers[name] = start_server(name, command, log=folder.log(name), environment=os.environ)
            state.endpoint_commands[name] = command
            state.write()
        _await_answers(state, log)


def end_endpoint(state: LocalState) -> None:
    """End what an earlier `make up ENDPOINT=1` started, if it is there."""
    for name in ("sagemaker_runtime", "endpoint"):
        if server := state.servers.pop(name, None):
            server.end()
    state.endpoint_commands = {}
    state.write()


def _await_answers(state: LocalState, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while (told := _ping(state.endpoint_port)) != "200":
        if not state.running("endpoint") or not state.running("sagemaker_runtime") or time.monotonic() > until:
            why = f"{last_lines(log)}\n(the endpoint answers {told or 'nothing'}; its log is {log})"
            raise StepFailed("Endpoint", why, "run `make down`, then `make up ENDPOINT=1` again")
        time.sleep(0.2)


def _ping(port: int) -> str:
    """The status, and behind any but 200 what the endpoint says of itself; empty where nothing answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=3)
    try:
        connection.request("GET", "/ping")
        answer = connection.getresponse()
        content = answer.read().decode()
        return "200" if answer.status == 200 else f"{answer.status} {content}"
    except OSError:
        return ""
    finally:
        connection.close()
