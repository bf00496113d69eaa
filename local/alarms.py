"""CloudWatch's alarms on the local cloud, which makes no metrics of log lines and looks at no alarm by itself.

`python -m local.alarms`, started by `make up WATCH=1`, makes metrics of what the functions write into their logs,
evaluates the deployed alarms on them, and sets those in the emulator that changed, which then does their actions. An
alarm on what no function of ours sends (errors, throttles, queues), or on several metrics at once, keeps its state.
"""

import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from local.alarm_states import MetricAlarm, State
from local.cloud import STAGE, reach
from local.folders import LocalFolder
from local.metric_lines import Followed, functions_by_group
from local.state import LocalState

EVERY_SECONDS = 5.0
KNOWN_SECONDS = 600.0
"""So much of what was written before it began is read as well."""


class Alarms:
    """The alarms of the running local cloud."""

    def __init__(self, followed: Followed) -> None:
        self._followed = followed
        self._cloudwatch = boto3.client("cloudwatch")
        self._samples: dict[str, list[tuple[int, float]]] = {}
        """Alarm -> what was sent of its metric, as far back as it looks."""

    def look(self, now_ms: int) -> dict[str, State]:
        """Evaluate every alarm once; returns those that changed, with the state that they are in now."""
        sent = self._followed.read()
        changed: dict[str, State] = {}
        for described in described_alarms():
            alarm, before = MetricAlarm.of(described), described["StateValue"]
            if alarm is None:
                continue
            fresh = sent.of(alarm.namespace, alarm.metric, alarm.dimensions)
            if not fresh and alarm.name not in self._samples:  # not of what functions of ours send
                continue
            known = [*self._samples.get(alarm.name, ()), *fresh]
            samples = [sample for sample in known if sample[0] >= alarm.looks_back_to_ms(now_ms)]
            self._samples[alarm.name] = samples
            state = alarm.state(samples, now_ms, before)
            if state != before:
                changed[alarm.name] = state
                values = [f"{value:.3g}" for value in alarm.values(samples, now_ms) if value is not None]
                reason = f"{alarm.metric}, newest last: {', '.join(values) or 'none'}"
                self._cloudwatch.set_alarm_state(
                    AlarmName=alarm.name, StateValue=state, StateReason=f"{reason}; the limit is {alarm.limit:g}"
                )
        return changed


def described_alarms() -> list[Mapping[str, Any]]:
    """Every alarm of the local stage, as CloudWatch describes it."""
    pages = boto3.client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"vitrine-{STAGE}-")
    return [alarm for page in pages for alarm in page["MetricAlarms"]]


def main() -> int:
    """Watch until told to end, with a line for each change; exit code 1 when no local cloud runs."""
    folder = LocalFolder.from_environment()
    state = LocalState.read(folder.state_file)
    if not state.running("cloud"):
        print("no local cloud is running: `make up WATCH=1` starts one", file=sys.stderr)
        return 1
    reach(state)
    since_ms = int((time.time() - KNOWN_SECONDS) * 1000)
    alarms = Alarms(Followed(f"/vitrine/{STAGE}/", functions_by_group(), since_ms))
    while True:
        try:
            for name, new in alarms.look(int(time.time() * 1000)).items():
                print(f"{datetime.now(UTC):%H:%M:%S} {name}: {new}", flush=True)
        except (BotoCoreError, ClientError) as error:  # the emulator is busy, or goes down: look again
            print(f"{datetime.now(UTC):%H:%M:%S} not looked: {error}", flush=True)
        time.sleep(EVERY_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
