"""The second half of `make up`: the cloud, the release, the gateway and the first answer."""

import os
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from local.catalogue import load_catalogue, release_catalogue
from local.cloud import (
    KEYS,
    aws_environment,
    build_layers,
    deploy,
    put_keys,
    start_emulator,
    watch_is_wanted,
)
from local.endpoint import end_endpoint, endpoint_is_wanted, start_endpoint
from local.first_answer import describe, warm
from local.folders import LocalFolder
from local.lock import alone
from local.processes import start_server
from local.progress import Progress, StepFailed, last_lines
from local.release import Shop, build_release, prepare_shop, publish
from local.state import LocalState

DEFAULT_PORT = 8108
SEARCH_KEY = KEYS["search"][0]


def bring_up(progress: Progress, folder: LocalFolder, port: int) -> str:
    """Start or reuse everything; returns what to tell the person.

    Raises:
        StepFailed: Naming the step that failed; what has started by then is recorded, so `make down` ends it.
    """
    shop = Shop.from_environment()
    state = LocalState.read(folder.state_file)
    _refuse_taken_port(state, port)
    publish(progress, state, _cloud_and_release(progress, folder, state, shop))
    if endpoint_is_wanted():
        start_endpoint(progress, folder, state)
    else:
        end_endpoint(state)
    _gateway(progress, folder, state, port)
    _pipelines(folder, state)
    _alarms(folder, state)
    address = f"http://127.0.0.1:{port}"
    with progress.step("First answer"):
        warm(address, SEARCH_KEY, state.published)
    return describe(address, SEARCH_KEY, shop.name)


def _cloud_and_release(progress: Progress, folder: LocalFolder, state: LocalState, shop: Shop) -> Path:
    """Bring the cloud up; returns the release that it should serve."""
    if state.running("cloud") and state.catalogue_released and state.loaded == shop.fingerprint():
        _cloud(progress, folder, state)
        if state.catalogue_released:  # the cloud that ran is the one that runs: with it, what was written to it
            return release_catalogue(progress, folder, state)

    def release_shop() -> Path:
        return build_release(progress, folder, prepared.result())

    def load() -> None:
        cloud.result()
        load_catalogue(progress, folder, state, shop, prepared.result())

    with ThreadPoolExecutor(4) as pool:
        cloud = pool.submit(_cloud, progress, folder, state)
        prepared = pool.submit(prepare_shop, progress, folder, shop)
        release, loaded = pool.submit(release_shop), pool.submit(load)
        for part in (cloud, prepared, release, loaded):
            part.result()
    return release.result()


def _cloud(progress: Progress, folder: LocalFolder, state: LocalState) -> None:
    build_layers(progress, folder)
    start_emulator(progress, folder, state)
    deploy(progress, folder, state)
    put_keys(state)


def _gateway(progress: Progress, folder: LocalFolder, state: LocalState, port: int) -> None:
    command = [sys.executable, "-m", "local.gateway", "--port", str(port)]
    command += ["--cloud", f"http://127.0.0.1:{state.cloud_port}", "--api-id", state.outputs["ApiId"]]
    if state.running("gateway") and state.gateway_command == command:
        return
    if server := state.running("gateway"):
        server.end()
    with progress.step("Gateway", log := folder.log("gateway")):
        server = start_server("gateway", command, log=log, environment=aws_environment(state.cloud_port))
        state.servers["gateway"], state.gateway_command = server, command
        state.write()
        until = time.monotonic() + 15
        while not _listening(port):
            if not server.is_running() or time.monotonic() > until:
                why = f"{last_lines(log)}\n(nothing answers on port {port}; the log is {log})"
                raise StepFailed("Gateway", why, f"if something else took port {port}, choose another: PORT=8109")
            time.sleep(0.05)


def _pipelines(folder: LocalFolder, state: LocalState) -> None:
    """Start what answers for SageMaker's pipelines; nobody waits for it, as only `vitrine retrain` asks."""
    if state.running("pipelines"):
        return
    command = [sys.executable, "-m", "local.pipeline_runner", "--port", str(state.pipelines_port)]
    environment = aws_environment(state.cloud_port)
    server = start_server("pipelines", command, log=folder.log("pipelines"), environment=environment)
    state.servers["pipelines"] = server
    state.write()


def _alarms(folder: LocalFolder, state: LocalState) -> None:
    """Start what evaluates alarms, if it is wanted; always anew, as it knows the cloud that it was started for."""
    if server := state.servers.pop("alarms", None):
        server.end()
    if watch_is_wanted():
        command = [sys.executable, "-m", "local.alarms"]
        environment = aws_environment(state.cloud_port)
        state.servers["alarms"] = start_server("alarms", command, log=folder.log("alarms"), environment=environment)
    state.write()


def _refuse_taken_port(state: LocalState, port: int) -> None:
    if not state.running("gateway") and _listening(port):
        advice = f"end it (`make down` if it is another local cloud), or choose another: PORT={port + 1} make up"
        raise StepFailed("Gateway", f"port {port} is taken by another program", advice)


def _listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def main() -> int:
    """Bring the local cloud up on `PORT`; exit code 1 when a step failed."""
    began = float(sys.argv[1]) if len(sys.argv) > 1 else time.time()
    progress = Progress(began=began)
    folder = LocalFolder.from_environment()
    try:
        with alone(folder):
            told = bring_up(progress, folder, int(os.environ.get("PORT") or DEFAULT_PORT))
    except StepFailed as failure:
        print(failure.explain(), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. What had started still runs; `make down` ends it.", file=sys.stderr)
        return 130
    finally:
        progress.close()
    progress.say("ready\n")
    print(told)
    return 0


if __name__ == "__main__":
    sys.exit(main())
