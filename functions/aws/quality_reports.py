"""The newest report on a stage's quality, as far as a training goes by it."""

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError

from functions.aws.clients import s3
from functions.aws.release_store import StoreUnavailable
from relevance.contracts.quality import LATEST, QualityReport
from relevance.contracts.retraining import SeenQuality


def newest_quality(bucket: str) -> SeenQuality | None:
    """What it found; None where none was ever made, or it is not understood. Raises StoreUnavailable."""
    try:
        written = s3().get_object(Bucket=bucket, Key=LATEST)["Body"].read()
        report = QualityReport.model_validate_json(written)
    except ValidationError:
        return None
    except (BotoCoreError, ClientError) as error:
        # who may not list a bucket is not told whether something is absent or forbidden
        if isinstance(error, ClientError) and error.response["Error"]["Code"] in ("NoSuchKey", "AccessDenied"):
            return None
        raise StoreUnavailable(f"s3://{bucket}/{LATEST}: {error}") from error
    drift, found = report.drift, report.relevance
    figures = {
        "largest_psi": drift.largest_psi,
        "query_drift": drift.query_drift,
        "score_drift": drift.score_drift,
        "change": found and found.change,
        "ndcg10": found and found.ndcg10,
        "ndcg10_judged": found and found.ndcg10_judged,
        "zero_hit_share": found and found.zero_hit_share,
    }
    return SeenQuality(
        made_at=report.made_at,
        release=report.release,
        searches=report.window.searches,
        broken=report.broken,
        figures={name: value for name, value in figures.items() if value is not None},
    )
