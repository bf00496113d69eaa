"""The local cloud: an AWS emulator in a process of its own, and the CDK app deployed on it with stage `local`."""

import http.client
import json
import os
import socket
import sys
import time
from contextlib import ExitStack

from functions.aws.key_store import write_keys
from functions.keys import KeyRing, key_hash
from local.commands import run
from local.endpoint import ENDPOINT_NAME, endpoint_is_wanted
from local.environments import CDK, EMULATOR_PYTHON
from local.fingerprint import fingerprint_of
from local.folders import PROJECT, LocalFolder
from local.processes import start_server
from local.progress import Progress, StepFailed, last_lines
from local.state import LocalState

ACCOUNT = "000000000000"
REGION = "us-east-1"
STAGE = "local"
KEY_PARAMETER = f"/vitrine/{STAGE}/keys"
KEYS = {"search": ("local-search",), "admin": ("local-admin",)}
"""Kind of key -> the keys in clear; known to everybody, since only this machine can use them."""
PARENT_KEY = "local-parent"
"""What secured keys are made from."""

START_SECONDS = 30


def watch_is_wanted() -> bool:
    """Whether `WATCH=1` was given: relevance and drift are looked at every minute, and alarms start trainings."""
    return os.environ.get("WATCH", "0") not in ("", "0")


def aws_environment(port: int) -> dict[str, str]:
    """This process's environment, with every AWS setting of the person replaced by the emulator's."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,  # a profile must not reach, or name, a real account
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }


def reach(state: LocalState) -> None:
    """Point this process's AWS clients at the running emulator, and at nothing else."""
    wanted = aws_environment(state.cloud_port)
    for name in [name for name in list(os.environ) if name.startswith("AWS_") and name not in wanted]:
        del os.environ[name]  # a profile, say
    os.environ.update(wanted)


def build_layers(progress: Progress, folder: LocalFolder) -> None:
    """The layers for this machine, built or found up to date.

    Raises:
        StepFailed: If a wheel cannot be had.
    """
    with progress.step("Layers", log := folder.log("layers")):
        run(
            "Layers",
            [sys.executable, "-m", "infra.build_layers", "host"],
            log=log,
            advice="check that this machine reaches its Python package index, then run `make layers`",
        )


def start_emulator(progress: Progress, folder: LocalFolder, state: LocalState) -> None:
    """Start the emulator unless the one recorded still answers.

    Raises:
        StepFailed: If it ends, or does not answer within half a minute.
    """
    if (server := state.running("cloud")) and _answers(state.cloud_port):
        return
    if server:
        server.end()
    state.forget_cloud()
    with progress.step("Emulator", log := folder.log("cloud")):
        state.cloud_port, state.sagemaker_runtime_port, state.endpoint_port, pipelines_port = free_ports(4)
        state.pipelines_port = state.pipelines_port or pipelines_port  # what answers there may run yet
        temporary = folder.temporary / "cloud"
        temporary.mkdir(parents=True, exist_ok=True)
        environment = aws_environment(state.cloud_port) | {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(state.cloud_port),
            "AWS_ENDPOINT_URL_SAGEMAKER": f"http://127.0.0.1:{state.pipelines_port}",
            "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": f"http://127.0.0.1:{state.sagemaker_runtime_port}",
            "MINISTACK_REGION": REGION,
            "TMPDIR": str(temporary),
            "S3_DATA_DIR": str(temporary / "s3"),
            "LAMBDA_WARM_TTL_SECONDS": "86400",  # workers that were warmed stay
            "DOCKER_HOST": f"unix://{temporary}/no-docker",  # else it would clear away other emulators' containers
            "LOG_LEVEL": "WARNING",
            "POWERTOOLS_LOG_LEVEL": "INFO",  # the functions inherit the line above, and would write no searches down
        }
        server = start_server("cloud", [str(EMULATOR_PYTHON), "-m", "ministack"], log=log, environment=environment)
        state.servers["cloud"] = server
        state.write()
        until = time.monotonic() + START_SECONDS
        while not _answers(state.cloud_port):
            if not server.is_running() or time.monotonic() > until:
                why = f"{last_lines(log)}\n(the emulator did not answer on port {state.cloud_port}; its log is {log})"
                raise StepFailed("Emulator", why, "run `make down`, then `make up` again")
            time.sleep(0.1)


def deploy(progress: Progress, folder: LocalFolder, state: LocalState) -> None:
    """Bootstrap and deploy stage `local`, unless the running cloud was deployed from the very same code.

    Raises:
        StepFailed: If synth, bootstrap or deployment fails.
    """
    code = [PROJECT / name for name in ("infra", "functions", "relevance", "cdk_app.py", "cdk.json", "pyproject.toml")]
    endpoint = ENDPOINT_NAME if endpoint_is_wanted() else ""
    watch = "1" if watch_is_wanted() else ""
    wanted = fingerprint_of(code, f"{folder.root} {endpoint} {watch}")
    if state.deployed == wanted:
        return
    environment = aws_environment(state.cloud_port) | {
        "STAGE": STAGE,
        "VITRINE_ENDPOINT": endpoint,
        "VITRINE_WATCH": watch,
        "VITRINE_LOCAL_FOLDER": str(folder.root),
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20",
        "CDK_DISABLE_CLI_TELEMETRY": "true",
    }
    assembly = folder.root / "cdk.out"
    advice = "read the log; after a change of infra/ or functions/ `make synth` shows whether the app is sound"
    quiet = ["--ci", "--no-notices", "--no-version-reporting"]
    if not state.deployed:
        with progress.step("Bootstrap", log := folder.log("bootstrap")):
            command = [str(CDK), "bootstrap", f"aws://{ACCOUNT}/{REGION}", *quiet]
            run("Bootstrap", command, log=log, advice=advice, environment=environment)
    with progress.step("Deploy", log := folder.log("deploy")):
        outputs_file = folder.root / "outputs.json"
        command = [str(CDK), "deploy", "--all", "--require-approval", "never", "--concurrency", "2", *quiet]
        command += ["--output", str(assembly), "--outputs-file", str(outputs_file)]
        run("Deploy", command, log=log, advice=advice, environment=environment)
    stacks = json.loads(outputs_file.read_text(encoding="utf-8"))
    state.outputs = {name: value for outputs in stacks.values() for name, value in outputs.items()}
    state.deployed = wanted
    state.write()


def put_keys(state: LocalState) -> None:
    """Store the hashed API keys where the functions look for them."""
    reach(state)
    hashed = {kind: tuple(map(key_hash, keys)) for kind, keys in KEYS.items()}
    write_keys(KEY_PARAMETER, KeyRing(**hashed, parents=(PARENT_KEY,)))


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on at this moment."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """So many different ones."""
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.socket()) for _ in range(count)]
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
        return [listener.getsockname()[1] for listener in listeners]


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/_ministack/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
