"""What a deployment's stacks say of it: names that CloudFormation chose."""

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from functions.aws.release_store import StoreUnavailable


def stack_output(stage: str, stack: str, name: str) -> str:
    """An output of one of a stage's stacks, such as the storage stack's CatalogueTable.

    Raises:
        StoreUnavailable: If there is no such stack in the account and region in use, or it has no such output.
    """
    stack_name = f"vitrine-{stage}-{stack}"
    try:
        (found,) = boto3.client("cloudformation").describe_stacks(StackName=stack_name)["Stacks"]
    except (BotoCoreError, ClientError) as error:
        raise StoreUnavailable(f"the stack {stack_name} cannot be read: {error}") from error
    outputs: dict[str, str] = {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}
    if name not in outputs:
        raise StoreUnavailable(f"the stack {stack_name} has no output {name}: expected one of {', '.join(outputs)}")
    return outputs[name]
