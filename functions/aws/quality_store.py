"""What the watch over quality reads and writes in the release bucket: judgments, a release's baseline, reports."""

from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError

from functions.aws.clients import s3
from functions.aws.release_store import StoreUnavailable
from relevance.contracts.baseline import BASELINE_FILE, Baseline
from relevance.contracts.quality import LATEST, QualityReport
from relevance.judgments import LINES, Judgments, as_lines, judgments_of
from relevance.quality_report import as_markdown
from relevance.topics import BASELINE

JUDGMENTS_KEY = f"judgments/{LINES}"
_REPORTS = "reports"
_ABSENT = ("404", "NoSuchKey", "403", "AccessDenied")
"""S3 says 403 for what is not there to those who may not list the bucket."""


@dataclass(frozen=True)
class QualityStore:
    """One release bucket."""

    bucket: str

    def judgments(self) -> Judgments:
        """People's ratings; empty where none were put.

        Raises:
            StoreUnavailable: If S3 does not answer.
            VitrineError: If what lies there are no judgments.
        """
        found = self._read(JUDGMENTS_KEY)
        return {} if found is None else judgments_of(found.decode(), f"s3://{self.bucket}/{JUDGMENTS_KEY}")

    def put_judgments(self, judgments: Judgments) -> str:
        """Replace all of them; returns where they lie."""
        try:
            s3().put_object(Bucket=self.bucket, Key=JUDGMENTS_KEY, Body=as_lines(judgments).encode())
        except (BotoCoreError, ClientError) as error:
            raise StoreUnavailable(f"s3://{self.bucket}/{JUDGMENTS_KEY}: {error}") from error
        return f"s3://{self.bucket}/{JUDGMENTS_KEY}"

    def baseline(self, release_id: str) -> Baseline | None:
        """What a release's traffic was made of; None where it carries none, or one that this code does not read."""
        found = self._read(f"releases/{release_id}/{BASELINE}/{BASELINE_FILE}")
        try:
            return None if found is None else Baseline.model_validate_json(found)
        except ValidationError:
            return None

    def latest(self) -> QualityReport | None:
        """The newest report; None where there is none that this code reads."""
        found = self._read(LATEST)
        try:
            return None if found is None else QualityReport.model_validate_json(found)
        except ValidationError:
            return None

    def write(self, report: QualityReport) -> str:
        """Put a report under the minute in which its window ends; returns its key.

        A second run over the same window replaces the first. `latest.json` follows, unless it is of a later window; one
        of the future, which a clock that was ahead has left, is no reason to keep it.

        Raises:
            StoreUnavailable: If S3 does not take it.
        """
        key = f"{_REPORTS}/{report.window.ends_at:%Y-%m-%dT%H%M}"
        content = report.model_dump_json(indent=1).encode()
        before = self.latest()
        try:
            s3().put_object(Bucket=self.bucket, Key=f"{key}.json", Body=content, ContentType="application/json")
            page = as_markdown(report).encode()
            s3().put_object(Bucket=self.bucket, Key=f"{key}.md", Body=page, ContentType="text/markdown; charset=utf-8")
            if before is None or not report.window.ends_at < before.window.ends_at <= report.made_at:
                s3().put_object(Bucket=self.bucket, Key=LATEST, Body=content, ContentType="application/json")
        except (BotoCoreError, ClientError) as error:
            raise StoreUnavailable(f"s3://{self.bucket}/{key}.json: {error}") from error
        return f"{key}.json"

    def _read(self, key: str) -> bytes | None:
        try:
            return s3().get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in _ABSENT:
                return None
            raise StoreUnavailable(f"s3://{self.bucket}/{key}: {error}") from error
        except BotoCoreError as error:
            raise StoreUnavailable(f"s3://{self.bucket}/{key}: {error}") from error
