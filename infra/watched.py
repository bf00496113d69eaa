"""What a stage has that must be watched: alarms, dashboards and saved queries are made from this list alone.

A stack that adds a function, a queue or an endpoint adds it here, in one line of cdk_app.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from aws_cdk import aws_cloudwatch, aws_sns, aws_sqs

from infra.search_stack import SearchStack
from infra.service_function import ServiceFunction


@dataclass(frozen=True, kw_only=True)
class WatchedEndpoint:
    """The large model's endpoint."""

    dimensions: Mapping[str, str]
    """Under which SageMaker counts its requests."""
    alarms: tuple[aws_cloudwatch.IAlarm, ...]
    """Those that also end a bad deployment of it."""


@dataclass(frozen=True, kw_only=True)
class Watched:
    """Everything that may fail."""

    search: SearchStack
    """The API and the functions that somebody waits for."""
    background: tuple[ServiceFunction, ...] = ()
    """Functions that nobody waits for."""
    quality: ServiceFunction | None = None
    """The one among them that asks the judged queries; None where relevance is not measured."""
    dead_letters: Mapping[str, aws_sqs.IQueue] = field(default_factory=dict)
    """Function -> the queue of what it gave up on; the alarm on it is the function's own."""
    endpoint: WatchedEndpoint | None = None
    retraining: tuple[aws_sns.ITopic, ...] = ()
    """Topics that are told when searches are no longer those that the release was made for."""

    @property
    def services(self) -> tuple[ServiceFunction, ...]:
        """Every function."""
        return (*self.search.services.values(), *self.background)
