"""The layers of the functions, taken from folders that `make layers` has built."""

from collections.abc import Sequence

from aws_cdk import RemovalPolicy, aws_lambda
from constructs import Construct

from infra.layer_contents import LAYER_PACKAGES
from infra.stage import Stage


class LayersMissing(Exception):
    """The stage's layers have not been built on this machine."""


class Layers(Construct):
    """`base` (contracts, logging, tracing) and `search` (numpy and the engines).

    Raises:
        LayersMissing: If a folder is not there; synth never installs anything itself.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, stage: Stage, only: Sequence[str] = tuple(LAYER_PACKAGES)
    ) -> None:
        super().__init__(scope, construct_id)
        folders = {layer: stage.layers.layer_folder(layer) for layer in only}
        absent = [str(folder) for folder in folders.values() if not (folder / "python").is_dir()]
        if absent:
            raise LayersMissing(f"stage {stage.name} needs {', '.join(absent)}; `make layers` builds them")
        self._versions: dict[str, aws_lambda.ILayerVersion] = {
            layer: aws_lambda.LayerVersion(
                self,
                layer.capitalize(),
                code=aws_lambda.Code.from_asset(str(folder), exclude=["fingerprint"]),
                compatible_runtimes=[runtime(stage)],
                compatible_architectures=[architecture(stage)],
                description=f"Vitrine {stage.name}: {', '.join(LAYER_PACKAGES[layer])}",
                removal_policy=RemovalPolicy.DESTROY,
            )
            for layer, folder in folders.items()
        }

    @property
    def base(self) -> aws_lambda.ILayerVersion:
        """For every function."""
        return self._versions["base"]

    @property
    def search(self) -> aws_lambda.ILayerVersion:
        """For those that open a release."""
        return self._versions["search"]


def runtime(stage: Stage) -> aws_lambda.Runtime:
    """The Lambda runtime that the stage's layers were built for."""
    return aws_lambda.Runtime(f"python{stage.layers.python_version}", aws_lambda.RuntimeFamily.PYTHON)


def architecture(stage: Stage) -> aws_lambda.Architecture:
    """The processor that the stage's functions run on."""
    return aws_lambda.Architecture.ARM_64 if stage.architecture == "arm64" else aws_lambda.Architecture.X86_64
