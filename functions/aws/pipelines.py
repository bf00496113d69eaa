"""Runs of the SageMaker pipeline that trains, in our own types."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from functions.aws.clients import sagemaker
from functions.aws.release_store import StoreUnavailable
from relevance.contracts.retraining import PastRun

SNAPSHOT = "snapshot"
"""The pipeline's one parameter without a default."""
_SEEN_RUNS = 50
"""More than begin in a month, and than fail in a row."""
_LONGEST_DESCRIPTION = 3072
_ENDED = ("Succeeded", "Failed")


@dataclass(frozen=True)
class Pipeline:
    """One pipeline. Methods raise StoreUnavailable when SageMaker does not answer, or knows no such pipeline."""

    name: str

    def start(self, token: str, snapshot: str, why: str) -> str:
        """Start a run, or find the one that was started with the same token; returns its ARN.

        Args:
            token: 32 to 128 characters.
            snapshot: Name of the folder in `snapshots/`.
            why: Kept with the run.
        """
        with self._answering():
            started = sagemaker().start_pipeline_execution(
                PipelineName=self.name,
                ClientRequestToken=token,
                PipelineExecutionDescription=" ".join(why.split())[:_LONGEST_DESCRIPTION],
                PipelineParameters=[{"Name": SNAPSHOT, "Value": snapshot}],
            )
        return started["PipelineExecutionArn"]

    def run(self, execution: str) -> PastRun | None:
        """How a run stands; None if SageMaker knows it no more."""
        try:
            found = sagemaker().describe_pipeline_execution(PipelineExecutionArn=execution)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("ResourceNotFound", "ValidationException"):
                return None
            raise self._unavailable(error) from error
        except BotoCoreError as error:
            raise self._unavailable(error) from error
        status = found["PipelineExecutionStatus"]
        ended = found["LastModifiedTime"] if status not in ("Executing", "Stopping") else None
        return PastRun(execution=execution, status=status, started_at=found["CreationTime"], ended_at=ended)

    def recent(self) -> tuple[PastRun, ...]:
        """The newest runs, whoever started them, the newest first; the newest that ended by itself with its end."""
        with self._answering():
            listed = sagemaker().list_pipeline_executions(
                PipelineName=self.name, SortBy="CreationTime", SortOrder="Descending", MaxResults=_SEEN_RUNS
            )
        runs = [
            PastRun(
                execution=each["PipelineExecutionArn"],
                status=each["PipelineExecutionStatus"],
                started_at=each["StartTime"],
            )
            for each in listed["PipelineExecutionSummaries"]
        ]
        runs.sort(key=lambda run: run.started_at, reverse=True)
        last = next((place for place, run in enumerate(runs) if run.status in _ENDED), None)
        if last is not None:
            runs[last] = self.run(runs[last].execution) or runs[last]
        return tuple(runs)

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except (BotoCoreError, ClientError) as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: Exception) -> StoreUnavailable:
        return StoreUnavailable(f"the pipeline {self.name}: {error}")
