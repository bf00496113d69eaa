"""The stages' stacks, synthesised once, with small stand-ins for the layers."""

import json
import os
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from cdk_app import wire
from infra.layer_contents import LAYER_PACKAGES, LayerPlatform
from infra.stage import Edge, Endpoint, Stage, stages

os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")


@dataclass(frozen=True)
class Synthesised:
    """A cloud assembly on disk."""

    stage: Stage
    folder: Path

    def templates(self) -> list[Path]:
        """The template file of every stack."""
        return sorted(self.folder.glob("*.template.json"))

    def template(self, part: str) -> dict[str, Any]:
        """The template of the stack `vitrine-<stage>-<part>`."""
        file = self.folder / f"vitrine-{self.stage.name}-{part}.template.json"
        template: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return template

    def resources(self, part: str, kind: str) -> dict[str, dict[str, Any]]:
        """The properties of every resource of one CloudFormation type, by logical id."""
        found = self.template(part)["Resources"].items()
        return {name: resource.get("Properties", {}) for name, resource in found if resource["Type"] == kind}

    def function(self, folder: str) -> dict[str, Any]:
        """The properties of the Lambda function made from `functions/<folder>/`."""
        wanted = f"functions.{folder}.handler.lambda_handler"
        functions = [each for part in self.parts() for each in self.resources(part, "AWS::Lambda::Function").values()]
        (found,) = [each for each in functions if each.get("Handler") == wanted]
        return found

    def role(self, folder: str) -> str:
        """The logical id of the role of the function made from `functions/<folder>/`."""
        role: str = self.function(folder)["Role"]["Fn::GetAtt"][0]
        return role

    def statements(self, role: str) -> list[dict[str, Any]]:
        """What a role may do, by its logical id; `Action` and `Resource` are lists, also where they hold one thing."""
        policies = [policy for part in self.parts() for policy in self.resources(part, "AWS::IAM::Policy").values()]
        return [
            statement | {key: _listed(statement[key]) for key in ("Action", "Resource")}
            for policy in policies
            if {"Ref": role} in policy["Roles"]
            for statement in policy["PolicyDocument"]["Statement"]
        ]

    def actions(self, role: str) -> set[str]:
        """Every action that a role may take."""
        return {action for statement in self.statements(role) for action in statement["Action"]}

    def allowed(self, role: str, service: str) -> set[tuple[str, str]]:
        """Each action of one service that a role may take, without the service's name, and what on, as JSON."""
        return {
            (action.removeprefix(f"{service}:"), json.dumps(resource))
            for statement in self.statements(role)
            for action in statement["Action"]
            if action.startswith(f"{service}:")
            for resource in statement["Resource"]
        }

    def parts(self) -> list[str]:
        """The stacks' names without what they have in common."""
        start = f"vitrine-{self.stage.name}-"
        return [file.name.removeprefix(start).removesuffix(".template.json") for file in self.templates()]

    def asset(self, folder: str) -> Path:
        """The unzipped code of the function made from `functions/<folder>/`."""
        key = self.function(folder)["Code"]["S3Key"].removesuffix(".zip")
        return self.folder / f"asset.{key}"


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@pytest.fixture(scope="session")
def layer_stand_in(tmp_path_factory):
    """A platform whose layers hold one empty module each."""
    folder = tmp_path_factory.mktemp("layers")
    for layer in LAYER_PACKAGES:
        (folder / layer / "python").mkdir(parents=True)
        (folder / layer / "python" / f"{layer}_stand_in.py").touch()
    return LayerPlatform(str(folder), "3.13", None)


@pytest.fixture(scope="session")
def synthesise(layer_stand_in, tmp_path_factory):
    """A function that synthesises one stage, with fields of it changed."""

    def make(name: str, **changed: Any) -> Synthesised:
        stage = replace(stages(Path("/nowhere/releases"))[name], layers=layer_stand_in, **changed)
        folder = tmp_path_factory.mktemp(f"assembly-{name}")
        wire(cdk.App(outdir=str(folder)), stage).synth()
        return Synthesised(stage, folder)

    return make


@pytest.fixture(scope="session")
def synthesised_stage(synthesise):
    """A function that synthesises one stage as it is, once."""
    return cache(synthesise)


@pytest.fixture(scope="session")
def dev(synthesised_stage):
    """Stage dev, as it is."""
    return synthesised_stage("dev")


@pytest.fixture(scope="session")
def an_edge():
    """What a shop says of its edge."""
    arn = "arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-0000-0000-000000000000"
    return Edge(domain_name="search.shop.example", certificate_arn=arn)


@pytest.fixture(scope="session")
def at_the_edge(synthesise, an_edge):
    """Stage prod behind CloudFront and its firewall."""
    return synthesise("prod", region="us-east-1", edge=an_edge)


@pytest.fixture(scope="session")
def an_endpoint():
    """An endpoint as docs/endpoint.md turns it on, which also captures some requests and knows the shop's hours."""
    return Endpoint(
        image_tag="2026-11-22",
        model_key="served/2026-11-22/model.tar.gz",
        schedule={"cron(0 7 * * ? *)": (2, 4), "cron(0 22 * * ? *)": (1, 2)},
        captured_share=0.05,
    )


@pytest.fixture(scope="session")
def with_endpoint(synthesise, an_endpoint):
    """Stage prod with a large model that is always on."""
    return synthesise("prod", endpoint=an_endpoint)


@pytest.fixture(scope="session")
def with_sleeping_endpoint(synthesise, an_endpoint):
    """Stage prod with a large model that may sleep."""
    return synthesise("prod", endpoint=replace(an_endpoint, scale_to_zero=True, least=0, schedule={}, captured_share=0))
