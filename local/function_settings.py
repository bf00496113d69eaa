"""Settings of the local cloud's deployed functions, changed for as long as nobody deploys anew."""

import boto3

from local.cloud import STAGE
from local.metric_lines import functions_by_group


def change_settings(folder: str, **changed: str) -> None:
    """Give the function of `functions/<folder>/` other environment variables; its workers begin anew."""
    name = next(name for group, name in functions_by_group().items() if group == f"/vitrine/{STAGE}/{folder}")
    functions = boto3.client("lambda")
    told = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": told | changed})
