"""`vitrine retrain`: ask a stage for a training now, and see what was decided when it was asked before."""

import argparse
import getpass
import json
import uuid

from cli.local_stage import reach_stage
from functions.aws.retraining_diary import RetrainingDiary
from functions.aws.stacks import stack_output
from functions.aws.stage_invoker import invoke
from local.cloud import STAGE
from relevance.contracts.retraining import DecisionRecord
from relevance.errors import VitrineError

_DEADLINE_MS = 900_000
"""As long as the function may take: it exports the catalogue."""


class NotStarted(VitrineError):
    """The function decided against a run; the message is its reason."""


def retrain(given: argparse.Namespace) -> None:
    """Ask for a run, or print what was decided so far."""
    reach_stage(given.stage)
    if given.history:
        _print_history(stack_output(given.stage, "storage", "RetrainingTable"), given.history)
    else:
        _ask(stack_output(given.stage, "retraining", "TriggerFunction"), given.reason, given.snapshot)


def add_retrain_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Tell the command line of it."""
    asking = commands.add_parser("retrain", help="start a training now, or see why one was started or not")
    asking.add_argument("--stage", default=STAGE, help=f"such as dev; default: {STAGE}")
    asking.add_argument("--reason", default=f"{getpass.getuser()} by hand", help="kept with the decision")
    asking.add_argument("--snapshot", metavar="NAME", help="data that lie there; default: the catalogue as it is now")
    asking.add_argument(
        "--history", nargs="?", type=int, const=20, metavar="N", help="start nothing: the last N decisions; default: 20"
    )
    asking.set_defaults(command=retrain)


def _ask(function: str, reason: str, snapshot: str | None) -> None:
    message = {"why": "person", "reason": reason, "trigger_id": f"person-{uuid.uuid4()}", "snapshot": snapshot}
    answered = invoke(function, json.dumps(message), _DEADLINE_MS)
    (record,) = [DecisionRecord.model_validate(each) for each in answered["decisions"]]
    if not record.decision.start:
        raise NotStarted(f"not started: {record.decision.reason}")
    print(f"started: {record.decision.reason}\nrun       {record.execution}\nsnapshot  {record.snapshot}")


def _print_history(table: str, most: int) -> None:
    records = RetrainingDiary(table).decisions()[:most]
    for record in records:
        said = "started" if record.decision.start else "not started"
        print(f"{record.decided_at:%Y-%m-%d %H:%M}  {record.asked.why:<9} {said:<12} {record.decision.reason}")
        if record.execution:
            print(f"{'':>29}{record.execution}")
    if not records:
        print(f"nothing was ever decided: {table} is empty")
