"""boto3 clients, made once per execution environment."""

from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient
    from mypy_boto3_ssm import SSMClient

# A request waits for these: better to fail soon and serve what is open than to hang.
_PATIENT = Config(connect_timeout=2, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})

# The catalogue's store minds the time itself, over several calls.
_ONCE = Config(connect_timeout=1, read_timeout=3, retries={"total_max_attempts": 1}, max_pool_connections=16)


@cache
def s3() -> "S3Client":
    """Releases."""
    return boto3.client("s3", config=_PATIENT)


@cache
def dynamodb() -> "DynamoDBClient":
    """The pointer."""
    return boto3.client("dynamodb", config=_PATIENT)


@cache
def dynamodb_once() -> "DynamoDBClient":
    """The catalogue: every call is one attempt."""
    return boto3.client("dynamodb", config=_ONCE)


@cache
def ssm() -> "SSMClient":
    """The keys."""
    return boto3.client("ssm", config=_PATIENT)


@cache
def sagemaker() -> "SageMakerClient":
    """The registry of models, and the pipeline that trains them."""
    return boto3.client("sagemaker", config=_PATIENT)


@cache
def logs() -> "CloudWatchLogsClient":
    """What functions have written down."""
    return boto3.client("logs", config=_PATIENT)


@cache
def lambda_(deadline_ms: int) -> "LambdaClient":
    """The other stages; one attempt, which has until the deadline."""
    seconds = deadline_ms / 1000
    config = Config(connect_timeout=seconds, read_timeout=seconds, retries={"total_max_attempts": 1})
    return boto3.client("lambda", config=config)


@cache
def sagemaker_runtime(deadline_ms: int, calls_at_once: int) -> "SageMakerRuntimeClient":
    """The large model's endpoint; one attempt, in which nothing is waited for longer than the deadline."""
    seconds = deadline_ms / 1000
    config = Config(
        connect_timeout=seconds,
        read_timeout=seconds,
        retries={"total_max_attempts": 1},
        max_pool_connections=calls_at_once,
        tcp_keepalive=True,
    )
    return boto3.client("sagemaker-runtime", config=config)
