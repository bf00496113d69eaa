"""The dashboards of the local cloud as pictures: `python -m local.dashboard`, after `make up` and some searches.

Drawn from the very definitions that are deployed, with the values that functions wrote into their logs.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

import boto3

from local.cloud import STAGE, aws_environment
from local.dashboard_plots import Window, draw
from local.folders import LocalFolder
from local.metric_lines import functions_by_group, log_lines, samples
from local.state import LocalState


def main() -> int:
    """Draw both; exit code 1 when no local cloud runs."""
    folder = LocalFolder.from_environment()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="how far back; default: 30")
    parser.add_argument("--output", type=Path, default=folder.root / "dashboards", metavar="DIR")
    given = parser.parse_args()
    state = LocalState.read(folder.state_file)
    if not state.running("cloud"):
        print("no local cloud is running: `make up` starts one", file=sys.stderr)
        return 1
    os.environ.update(aws_environment(state.cloud_port))
    end_ms = int(time.time() * 1000)
    window = Window(end_ms - int(given.minutes * 60_000), end_ms)
    sent = samples(log_lines(f"/vitrine/{STAGE}/", window.begin_ms), functions_by_group())
    cloudwatch = boto3.client("cloudwatch")
    for entry in cloudwatch.list_dashboards(DashboardNamePrefix=f"vitrine-{STAGE}-")["DashboardEntries"]:
        name = entry["DashboardName"]
        body = json.loads(cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"])
        file = given.output / f"{name}.png"
        filled = draw(body, sent, window, file)
        print(f"{file}: {filled} of {len(body['widgets'])} panels have something to show")
    return 0


if __name__ == "__main__":
    sys.exit(main())
