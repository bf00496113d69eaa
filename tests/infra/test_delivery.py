"""The delivery workflow: well formed, no key that lasts, no step that production could be reached without."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from infra.layer_contents import PROJECT

WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.yml"))
TEXTS = {path.name: path.read_text(encoding="utf-8") for path in WORKFLOWS}
PARSED = {name: yaml.safe_load(text) for name, text in TEXTS.items()}
DELIVER = PARSED["deliver.yml"]

ACTION = re.compile(r"uses: (?!\./)(\S+)(.*)")


def steps(name):
    return [step for job in PARSED[name]["jobs"].values() for step in job.get("steps", ())]


def behind(job):
    """Every job that must have succeeded before `job` begins."""
    needed = DELIVER["jobs"][job].get("needs")
    return [needed, *behind(needed)] if needed else []


def test_the_workflows_are_what_githubs_schema_asks():
    command = [Path(sys.executable).with_name("check-jsonschema"), "--builtin-schema", "vendor.github-workflows"]

    checked = subprocess.run([*command, *WORKFLOWS], capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("name", TEXTS)
def test_every_script_is_shell(name):
    scripts = [step["run"] for step in steps(name) if "run" in step]

    assert scripts
    for script in scripts:
        checked = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
        assert checked.returncode == 0, f"{script}\n{checked.stderr}"


@pytest.mark.parametrize("name", TEXTS)
def test_every_action_is_pinned_to_a_commit_that_is_named_by_its_version(name):
    used = ACTION.findall(TEXTS[name])

    assert used
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action) for action, _ in used)
    assert all(re.fullmatch(r" # v\d+\.\d+\.\d+", comment) for _, comment in used)


@pytest.mark.parametrize("name", TEXTS)
def test_no_value_from_outside_is_pasted_into_a_script(name):
    assert not [step["run"] for step in steps(name) if "${{" in step.get("run", "")]


def test_one_action_has_one_version_everywhere():
    used = {action for text in TEXTS.values() for action, _ in ACTION.findall(text)}

    assert len({action.split("@")[0] for action in used}) == len(used)


def test_nothing_reaches_production_but_through_check_diff_dev_and_staging():
    assert behind("prod") == ["staging", "dev", "diff", "synth", "check"]


def test_what_is_deployed_is_what_was_synthesised_and_shown():
    uploaded = [step for step in steps("deliver.yml") if "upload-artifact" in step.get("uses", "")]
    scripts = "".join(step.get("run", "") for step in steps("deploy-stage.yml"))

    assert [step["with"]["name"] for step in uploaded] == ["assembly-${{ matrix.stage }}"]
    assert "cdk deploy --all --app cdk.out" in scripts
    assert "synth" not in scripts


def test_every_deployment_is_asked_what_a_shopper_would_ask():
    *_, last = steps("deploy-stage.yml")

    assert last["name"] == "Smoke test"
    assert "tests/deployed" in last["run"]


def test_two_deliveries_never_meet_and_none_is_cut_off():
    assert DELIVER["concurrency"] == {"group": "deliver", "cancel-in-progress": False}


@pytest.mark.parametrize("name", TEXTS)
def test_jobs_may_read_and_only_those_that_reach_aws_may_ask_for_a_token(name):
    parsed = PARSED[name]
    with_token = {job for job, each in parsed["jobs"].items() if each.get("permissions", {}).get("id-token")}

    assert parsed["permissions"] == {"contents": "read"}
    assert with_token == {"deliver.yml": {"diff", "dev", "staging", "prod"}, "deploy-stage.yml": {"deploy"}}[name]


def test_aws_is_reached_by_a_role_and_never_by_a_key_that_lasts():
    signing_in = [step["with"] for name in TEXTS for step in steps(name) if "aws-actions" in step.get("uses", "")]

    assert len(signing_in) == 2
    assert all(set(each) == {"role-to-assume", "aws-region"} for each in signing_in)
    assert not [name for name, text in TEXTS.items() if "AWS_SECRET" in text or "aws-secret" in text]


@pytest.mark.parametrize("name", TEXTS)
def test_every_job_that_runs_ends_by_itself(name):
    running = [job for job in PARSED[name]["jobs"].values() if "steps" in job]

    assert all(job["timeout-minutes"] <= 60 for job in running)


def test_the_smoke_test_needs_nothing_but_the_pytest_that_is_pinned():
    (pinned,) = re.findall(r'"(pytest==[\d.]+)"', (PROJECT / "pyproject.toml").read_text(encoding="utf-8"))

    assert f"pip install --quiet {pinned}\n" in steps("deploy-stage.yml")[-1]["run"]
