"""What is watched: which alarms there are, when they ring, whom they tell, and what the dashboards show."""

import json
import re

import pytest

from functions.metric_catalogue import METRICS
from infra.layer_contents import PROJECT
from infra.stage import Paging
from relevance.objectives import objective

ALARM, COMPOSITE, DASHBOARD = (f"AWS::CloudWatch::{kind}" for kind in ("Alarm", "CompositeAlarm", "Dashboard"))
FREE_METRICS_OF_A_DASHBOARD = 50
RINGS_ON_SILENCE = {"RelevanceUnmeasured"}


@pytest.fixture(scope="module")
def everything(synthesise, an_endpoint):
    """A stage that has all that can be watched, with an endpoint that is always on."""
    return synthesise("prod", endpoint=an_endpoint, paging=Paging(alarm_email="somebody@shop.example"))


def alarms(synthesised, kind=ALARM):
    """Name -> properties, of every stack."""
    found = [each for part in synthesised.parts() for each in synthesised.resources(part, kind).values()]
    return {each["AlarmName"]: each for each in found}


def alarm(synthesised, name):
    """The properties of the alarm `vitrine-prod-<name>`."""
    return (alarms(synthesised) | alarms(synthesised, COMPOSITE))[f"vitrine-prod-{name}"]


def heading(alarm_name):
    """An alarm's heading in the runbook."""
    return alarm_name.rsplit("-", 1)[1]


def summed_up_by(synthesised, name):
    """Names of the alarms in a composite's rule, found by their logical ids."""
    by_id = {
        logical_id: properties["AlarmName"]
        for part in synthesised.parts()
        for logical_id, properties in synthesised.resources(part, ALARM).items()
    }
    rule = json.dumps(alarm(synthesised, name)["AlarmRule"])
    return {name for logical_id, name in by_id.items() if logical_id in rule}


def bodies(synthesised):
    """Name -> the dashboard itself, with something else in each place that CloudFormation fills in."""

    def named(part):
        return "".join(sign for sign in json.dumps(part) if sign.isalnum())

    return {
        each["DashboardName"]: json.loads(
            "".join(part if isinstance(part, str) else named(part) for part in each["DashboardBody"]["Fn::Join"][1])
        )
        for each in synthesised.resources("monitoring", DASHBOARD).values()
    }


def shown_metrics(body):
    """Namespace, name and dimensions of every metric of a dashboard."""
    found = set()
    for widget in body["widgets"]:
        for metric in widget["properties"].get("metrics", ()):
            found.add(tuple(part for part in metric if isinstance(part, str)))
    return found


def test_alarms_and_the_runbooks_headings_about_them_are_the_same(everything, with_sleeping_endpoint):
    page = (PROJECT / "docs" / "runbook.md").read_text(encoding="utf-8")
    (section,) = re.findall(r"^## Alarms$(.*?)^## ", page, flags=re.MULTILINE | re.DOTALL)

    headings = re.findall(r"^### (.+)$", section, flags=re.MULTILINE)

    ours = alarms(everything) | alarms(everything, COMPOSITE) | alarms(with_sleeping_endpoint)
    assert sorted(headings) == sorted({heading(name) for name in ours})


def test_every_heading_says_what_it_means_what_to_do_and_when_it_is_over():
    page = (PROJECT / "docs" / "runbook.md").read_text(encoding="utf-8")
    (section,) = re.findall(r"^## Alarms$(.*?)^## ", page, flags=re.MULTILINE | re.DOTALL)

    _, *parts = section.split("\n### ")

    said = ("**It means**", "**Look at", "**Over**")
    assert {part.partition("\n")[0]: [words for words in said if words not in part] for part in parts} == {
        part.partition("\n")[0]: [] for part in parts
    }
    assert all("**Do**" in part or "do**:" in part for part in parts)


def test_every_alarm_carries_the_stage_and_names_its_heading(everything):
    ours = {name: each for name, each in alarms(everything).items() if "Endpoint" not in name}

    assert all(name.startswith("vitrine-prod-") for name in ours)
    assert all(each["AlarmDescription"].endswith(f"docs/runbook.md, {heading(name)}") for name, each in ours.items())


def test_no_alarm_rings_because_nobody_shops_but_the_watch_itself_must_not_fall_silent(everything):
    ours = {heading(name): each for name, each in alarms(everything).items() if "Endpoint" not in name}

    on_silence = {name for name, each in ours.items() if each["TreatMissingData"] == "breaching"}

    assert on_silence == RINGS_ON_SILENCE
    assert {each["TreatMissingData"] for each in ours.values()} == {"notBreaching", "breaching", "ignore"}


def test_only_composite_alarms_tell_the_topic_and_each_says_when_it_is_over(everything):
    (topic,) = everything.resources("paging", "AWS::SNS::Topic")

    singles = [each for each in alarms(everything).values() if topic in json.dumps(each)]
    composites = alarms(everything, COMPOSITE)

    assert singles == []
    assert len(composites) == 3
    assert all(each["AlarmActions"] == each["OKActions"] == [{"Ref": topic}] for each in composites.values())


def test_every_alarm_is_summed_up_by_exactly_one_composite(everything):
    parts = [summed_up_by(everything, name) for name in ("SearchFails", "SearchSuffers", "NeedsMending")]

    assert sum(map(len, parts)) == len(set().union(*parts))
    assert set().union(*parts) == alarms(everything).keys()


def test_when_search_fails_what_it_brings_about_is_silent(everything):
    suffers = alarm(everything, "SearchSuffers")
    (fails,) = [
        name for name, each in everything.resources("paging", COMPOSITE).items() if "SearchFails" in each["AlarmName"]
    ]

    assert fails in json.dumps(suffers["ActionsSuppressor"])
    assert suffers["ActionsSuppressorWaitPeriod"] >= 300  # the alarm on five minutes needs them
    assert "ActionsSuppressor" not in alarm(everything, "NeedsMending")


def test_the_error_budget_burns_by_two_windows_of_two_lengths(everything):
    windows = {"5Minutes": (300, 14.4), "1Hour": (3600, 14.4), "30Minutes": (1800, 6), "6Hours": (21600, 6)}

    found = {}
    for name in windows:
        burns = alarm(everything, f"BudgetBurns{name}")
        periods = {each["MetricStat"]["Period"] for each in burns["Metrics"] if "MetricStat" in each}
        found[name] = (*periods, burns["Threshold"])

    assert found == windows
    rule = re.sub(r"\s", "", json.dumps(alarm(everything, "SearchFails")["AlarmRule"]))
    assert (rule.count("AND"), rule.count("OR(")) == (2, 1)


def test_a_few_errors_at_night_are_no_outage(everything):
    (expression,) = [
        each["Expression"] for each in alarm(everything, "BudgetBurns5Minutes")["Metrics"] if "Expression" in each
    ]

    assert expression.startswith("IF(FILL(errors, 0) >= 5,")


@pytest.mark.parametrize("name", ["ApiSlow", "SearchesDegradedOften", "SearchesWithoutHitsOften", "RelevanceLow"])
def test_what_may_flutter_rings_only_when_it_lasts(everything, name):
    found = alarm(everything, name)

    assert found["EvaluationPeriods"] >= 3
    assert found.get("DatapointsToAlarm", found["EvaluationPeriods"]) >= 2


def test_relevance_is_held_to_the_gates_own_limit(everything):
    low = alarm(everything, "RelevanceLow")

    assert (low["Threshold"], low["ComparisonOperator"]) == (objective("relevance").limit, "LessThanThreshold")


def test_retraining_is_told_of_drift_and_of_low_relevance(everything):
    acts = {heading(name): json.dumps(each.get("AlarmActions", [])) for name, each in alarms(everything).items()}

    told = {name for name, actions in acts.items() if "Retrain" in actions}

    assert told == {"RelevanceLow", "QueriesDrifted"}


def test_relevance_is_watched_only_where_it_is_measured(dev, synthesise):
    unmeasured = synthesise("dev", quality_minutes=None)

    names, without = ({heading(name) for name in alarms(stage)} for stage in (dev, unmeasured))

    assert names - without == {"RelevanceLow", "RelevanceFell", "RelevanceUnmeasured", "QueriesDrifted"}
    assert without - names == set()


def test_cloudwatch_may_publish_to_the_topic_and_whoever_is_named_is_subscribed(everything):
    (policy,) = everything.resources("paging", "AWS::SNS::TopicPolicy").values()
    (topic,) = everything.resources("paging", "AWS::SNS::Topic").values()
    (subscription,) = everything.resources("paging", "AWS::SNS::Subscription").values()

    allowed = [each for each in policy["PolicyDocument"]["Statement"] if each["Effect"] == "Allow"]

    assert [each["Principal"] for each in allowed] == [{"Service": "cloudwatch.amazonaws.com"}]
    assert allowed[0]["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    assert "KmsMasterKeyId" not in topic  # AWS's own key would shut CloudWatch out
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "somebody@shop.example")


def test_the_emulators_stage_has_no_alarm_that_the_emulator_cannot_take(synthesised_stage):
    local = synthesised_stage("local")

    assert not list(local.folder.glob("*-paging.template.json"))
    assert not [each for each in local.resources("monitoring", ALARM).values() if "Metrics" in each]


def test_dashboards_stay_within_what_is_free(everything):
    shown = {name: len(shown_metrics(body)) for name, body in bodies(everything).items()}

    assert shown.keys() == {"vitrine-prod-shop", "vitrine-prod-engineering"}
    assert all(0 < count <= FREE_METRICS_OF_A_DASHBOARD for count in shown.values()), shown


def test_dashboards_show_our_metrics_by_names_that_are_sent(everything):
    names = {metric.name for metric in METRICS}

    ours = [shown for body in bodies(everything).values() for shown in shown_metrics(body) if shown[0].startswith("Vi")]

    assert len(ours) > 20
    assert [shown for shown in ours if shown[0] != "Vitrine/prod" or shown[1] not in names] == []


def test_every_metric_of_ours_is_shown_with_the_dimensions_that_it_is_sent_with(everything):
    dimensions = {metric.name: set(metric.dimensions) for metric in METRICS}

    shown = [each for body in bodies(everything).values() for each in shown_metrics(body) if each[0] == "Vitrine/prod"]

    assert [each for each in shown if set(each[2::2]) != dimensions[each[1]]] == []


def test_functions_send_to_the_namespace_that_alarms_read(everything):
    variables = everything.function("assemble_results")["Environment"]["Variables"]

    assert variables["POWERTOOLS_METRICS_NAMESPACE"] == "Vitrine/prod"
    assert alarm(everything, "ReleaseOld")["Namespace"] == "Vitrine/prod"


def test_saved_queries_read_logs_of_this_stage(everything):
    queries = everything.resources("paging", "AWS::Logs::QueryDefinition").values()

    names = {query["Name"] for query in queries}

    assert {f"vitrine-prod/{name}" for name in ("slowest-searches", "why-degraded", "refused-requests")} < names
    assert all(query["LogGroupNames"] for query in queries)
