"""What the real templates cost: asleep nearly nothing, unless a stage asks for an edge."""

import pytest

from cli.bill import MEASURED, Assembly, Assumptions, Measured, bill

ASLEEP_USD = 5.0


def count(synthesised):
    assembly = Assembly.read(synthesised.folder, synthesised.stage.name)
    return bill(synthesised.stage.name, assembly, Measured.read(MEASURED), Assumptions())


@pytest.mark.parametrize("name", ["dev", "staging", "prod"])
def test_a_stage_that_sleeps_in_an_account_of_its_own_costs_at_most_five_dollars_a_month(synthesised_stage, name):
    counted = count(synthesised_stage(name))

    assert 0 < counted.alone_asleep_usd <= ASLEEP_USD


def test_an_edge_costs_seven_dollars_before_the_first_request(synthesised_stage, at_the_edge):
    plain, behind = count(synthesised_stage("prod")), count(at_the_edge)

    assert behind.asleep_usd - plain.asleep_usd == pytest.approx(7.0, abs=0.01)  # and nothing else to speak of


def test_an_endpoint_that_never_sleeps_costs_by_the_hour_and_one_that_does_only_what_it_keeps(
    synthesised_stage, with_endpoint, with_sleeping_endpoint
):
    plain, on, sleeping = map(count, (synthesised_stage("prod"), with_endpoint, with_sleeping_endpoint))

    hours = next(item.quantity for item in on.asleep if item.what == "endpoint: instances")
    assert hours == 2 * 730  # what its schedule keeps by day, taken for the whole month
    assert on.asleep_usd - plain.asleep_usd == pytest.approx(hours * 1.1267, abs=1)
    assert 0 < sleeping.asleep_usd - plain.asleep_usd < 1.5  # its container, and what watches it
    assert sleeping.per_million_usd - plain.per_million_usd > 800  # a million searches let it sleep no more


def test_every_alarm_and_table_of_the_templates_is_on_the_bill(synthesised_stage):
    synthesised = synthesised_stage("prod")
    alarms = [
        each for part in synthesised.parts() for each in synthesised.resources(part, "AWS::CloudWatch::Alarm").values()
    ]
    watched = [sum("MetricStat" in metric for metric in each["Metrics"]) if "Metrics" in each else 1 for each in alarms]

    quantities = {item.what: item.quantity for item in count(synthesised).asleep}

    assert quantities["alarms"] == sum(watched) > len(alarms)
    assert (quantities["alarms that sum up others"], quantities["dashboards"]) == (3, 2)
    assert quantities["tables: point-in-time recovery"] == quantities["tables: storage"] > 0
