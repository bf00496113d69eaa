"""The AWS Solutions rules over the whole app: each finding is mended, or acknowledged where it arises."""

import json
import re
from dataclasses import replace
from pathlib import Path

import aws_cdk as cdk
import pytest
from cdk_nag import AwsSolutionsChecks

from cdk_app import wire
from infra.stage import stages

NAMED_ELSEWHERE = re.compile(r"AwsSolutions-IAM5\[Resource::vitrine-prod-storage:ExportsOutput\w+/releases/\*\]")
"""All releases, in the one bucket that holds nothing else. The finding's id holds a generated name, so it is
acknowledged here instead of in the stack."""


def test_no_security_finding_is_left_without_a_reason(layer_stand_in, tmp_path):
    app = cdk.App(outdir=str(tmp_path))
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks())
    wire(app, replace(stages(Path("/nowhere"))["prod"], layers=layer_stand_in))

    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()

    assert [each for each in findings(tmp_path) if not NAMED_ELSEWHERE.fullmatch(each)] == []


def findings(assembly: Path) -> list[str]:
    report = json.loads((assembly / "validation-report.json").read_text(encoding="utf-8"))
    found = [violation for plugin in report["pluginReports"] for violation in plugin.get("violations", [])]
    return [violation["ruleName"] for violation in found if violation.get("severity") == "error"]
