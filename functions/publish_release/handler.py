"""Makes a release live when its package is approved in SageMaker's registry; called by EventBridge."""

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, Field

from functions.metric_catalogue import RELEASE_PUBLICATIONS_REFUSED, RELEASES_PUBLISHED
from functions.observability import logger, metrics, record
from functions.publish_release.publication import publish_approved
from functions.publish_release.settings import PublishSettings
from relevance.errors import ReleaseRefused


class PackageChange(BaseModel):
    """The `detail` of SageMaker's event: only which package it is about, for the registry knows what is so now."""

    arn: str = Field(alias="ModelPackageArn")


@cache
def settings() -> PublishSettings:
    """Read once per execution environment."""
    return PublishSettings.from_environment()


@logger.inject_lambda_context(log_event=False, correlation_id_path="id")
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    arn = PackageChange.model_validate(event["detail"]).arn
    try:
        done = publish_approved(arn, settings())
    except ReleaseRefused as refused:
        record(RELEASE_PUBLICATIONS_REFUSED)
        logger.error("release not published; the pointer stays", package=arn, reason=str(refused))
        return {"published": False, "reason": str(refused)}
    record(RELEASES_PUBLISHED, int(done.published))
    said = "release published" if done.published else "nothing to publish"
    logger.info(said, package=done.package, release=done.release_id, reason=done.reason)
    return {"published": done.published, "release": done.release_id, "reason": done.reason}
