"""The bill, against numbers worked out by hand."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from cli.bill import Assembly, Assumptions, BillImpossible, Measured, as_table, bill, read_prices
from cli.main import main

MEASURED = Measured(
    handler_mean_ms=10.0,
    cold_import_ms=400.0,
    cold_open_ms=100.0,
    response_mean_bytes=9_000,
    log_mean_bytes=748,
    log_mean_lines=2.0,
    custom_metrics=("Vitrine/SearchesAnswered{}", "Vitrine/SearchMilliseconds{}"),
    release_bytes=100_000_000,
    release_files=40,
    catalogue_bytes=2_000_000_000,
)
ASSUMED = Assumptions(
    slower=2.0,
    cold_share=0.01,
    download_mb_per_second=100.0,
    traced_share=0.5,
    environments=1.0,
    releases=3,
    header_bytes=1_000,
    platform_log_bytes=100,
)


def a_function(**properties):
    return {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Handler": "functions.assemble_results.handler.lambda_handler",
            "MemorySize": 2048,
            "Architectures": ["arm64"],
            "TracingConfig": {"Mode": "Active"},
            "Environment": {"Variables": {"SEARCH_PATH": "in_process", "POINTER_SECONDS": "30.0"}},
        }
        | properties,
    }


def an_assembly(**more):
    search = {
        "Function": a_function(),
        "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 90}},
        "ApiStage": {
            "Type": "AWS::ApiGatewayV2::Stage",
            "Properties": {"AccessLogSettings": {"Format": "x" * 74}},  # with 26 of CloudWatch: 100 bytes
        },
        "Errors": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Period": 60}},
        "Ratio": {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {
                "Metrics": [
                    {"Expression": "a / b"},
                    {"MetricStat": {"Period": 60}},
                    {"MetricStat": {"Period": 60}},
                ]
            },
        },
    }
    storage = {
        "Releases": {"Type": "AWS::S3::Bucket"},
        "Catalogue": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "KeySchema": [{}, {}],
                "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
            },
        },
    }
    templates = {"vitrine-dev-search": {"Resources": search | more}, "vitrine-dev-storage": {"Resources": storage}}
    return Assembly(templates, asset_bytes=200_000_000)


def an_endpoint(least=1, captured_percent=0, **target):
    """What a stage with an endpoint has more than one without."""
    config = {"ProductionVariants": [{"InstanceType": "ml.g6.xlarge"}]}
    if captured_percent:
        config["DataCaptureConfig"] = {"InitialSamplingPercentage": captured_percent}
    tracking = {"TargetTrackingScalingPolicyConfiguration": {}}
    rules = {"Rules": [{"Prefix": "runs/"}, {"Prefix": "captured/", "ExpirationInDays": 15}]}
    return {
        "Model": {"Type": "AWS::SageMaker::Model"},
        "Config": {"Type": "AWS::SageMaker::EndpointConfig", "Properties": config},
        "Endpoint": {"Type": "AWS::SageMaker::Endpoint"},
        "Target": {
            "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
            "Properties": {"MinCapacity": least} | target,
        },
        "Policy": {"Type": "AWS::ApplicationAutoScaling::ScalingPolicy", "Properties": tracking},
        "Training": {"Type": "AWS::S3::Bucket", "Properties": {"LifecycleConfiguration": rules}},
    }


def usd(items):
    return {item.what: round(item.usd, 6) for item in items}


def test_asleep_costs_what_lies_there_and_what_watches():
    counted = bill("dev", an_assembly(), MEASURED, ASSUMED)

    assert usd(counted.asleep) == {
        "alarms": 0.3,  # one metric, and two of a formula
        "releases": 0.0069,  # 3 x 0.1 GB x 0.023
        "tables: storage": 0.5,  # 2 GB x 0.25
        "tables: point-in-time recovery": 0.4,  # 2 GB x 0.20
        "code and layers, in the bootstrap bucket": 0.0046,  # 0.2 GB x 0.023
    }
    assert counted.asleep_usd == pytest.approx(1.2115)


def test_a_million_searches_cost_what_was_measured_times_the_list():
    counted = bill("dev", an_assembly(), MEASURED, ASSUMED)

    assert usd(counted.per_million) == {
        "API requests": 1.0,
        "function: requests": 0.2,
        "function: warm": 0.546669,  # (10 ms x 2 + 0.5) x 2 GB x a million = 41,000 GB-s
        "function: cold starts": 0.533336,  # 10,000 x 2 GB x (2 x 0.5 s + 1 s to download) = 40,000 GB-s
        "releases read by cold starts": 0.16,  # 10,000 x 40 x 0.0000004
        "pointer reads": 0.01095,  # 87,600
        "keys: SSM": 0.0,
        "keys and tables: decryptions": 0.15768,  # 43,800 + 8,760
        "logs: written": 0.5,  # (748 + 2 x 26 + 100 + 100) bytes x a million = 1 GB
        "logs: kept for 90 days": 0.09,  # 1 GB x 3 months x 0.03
        "metrics in log lines": 0.6,
        "traces": 2.5,
        "answers to shoppers": 0.9,  # 10,000 bytes x a million x 0.09
    }


def test_a_firewall_and_cloudfront_cost_also_while_nobody_searches():
    edge = {
        "Firewall": {"Type": "AWS::WAFv2::WebACL", "Properties": {"Rules": [{}, {}]}},
        "Distribution": {"Type": "AWS::CloudFront::Distribution"},
    }

    without, behind = (bill("dev", an_assembly(**more), MEASURED, ASSUMED) for more in ({}, edge))

    assert behind.asleep_usd - without.asleep_usd == pytest.approx(7.0)
    on_top = usd(behind.per_million)
    assert (on_top["firewall: requests"], on_top["CloudFront: requests"]) == (0.6, 1.0)
    assert on_top["CloudFront: answers to shoppers"] == 0.85  # instead of the API's own 0.90
    assert "answers to shoppers" not in on_top


def test_an_endpoint_costs_its_instances_hours_also_while_nobody_searches():
    counted = bill("dev", an_assembly(**an_endpoint(least=2)), MEASURED, ASSUMED)

    asleep = usd(counted.asleep)
    assert asleep["endpoint: instances"] == 1644.982  # 2 x 730 h x 1.1267
    assert asleep["endpoint: container"] == 0.4  # 4 GB x 0.10
    assert asleep["alarms"] == 0.5  # two more, which AWS makes to keep the target


def test_what_a_schedule_adds_costs_for_as_long_as_it_is_said_to_last():
    actions = [{"ScalableTargetAction": {"MinCapacity": least}} for least in (3, 1)]
    assembly = an_assembly(**an_endpoint(ScheduledActions=actions))

    counted = bill("dev", assembly, MEASURED, replace(ASSUMED, awake_share=0.5))

    assert usd(counted.asleep)["endpoint: instances"] == 1644.982  # 1 always, 2 more for half of the month


def test_an_endpoint_that_sleeps_costs_only_what_searches_keep_awake():
    counted = bill("dev", an_assembly(**an_endpoint(least=0)), MEASURED, replace(ASSUMED, awake_share=0.25))

    assert "endpoint: instances" not in usd(counted.asleep)
    assert usd(counted.per_million)["endpoint: one instance, awake"] == 205.62275  # 182.5 h x 1.1267


def test_a_search_that_asks_the_endpoint_waits_and_is_captured_for_a_share():
    assumed = replace(ASSUMED, asked_share=0.5, endpoint_ms=20, endpoint_bytes=8_000)

    counted = bill("dev", an_assembly(**an_endpoint(captured_percent=10)), MEASURED, assumed)

    on_top = usd(counted.per_million)
    assert on_top["endpoint: questions and answers"] == 0.064  # 500,000 x 8 kB = 4 GB x 0.016
    assert on_top["function: waits for the endpoint"] == 0.266668  # 500,000 x 20 ms x 2 GB = 20,000 GB-s
    assert on_top["endpoint: captured, kept for 15 days"] == 0.0046  # 50,000 x 8 kB x half a month x 0.023


def test_a_machine_without_a_price_stops_the_bill_and_is_named():
    parts = an_endpoint()
    parts["Config"]["Properties"]["ProductionVariants"][0]["InstanceType"] = "ml.p5.48xlarge"

    with pytest.raises(
        BillImpossible, match=r"endpoint: instances: ml.p5.48xlarge has no price: add it to prices.toml"
    ):
        bill("dev", an_assembly(**parts), MEASURED, ASSUMED)


def test_an_answer_over_512_kb_counts_as_two_requests():
    counted = bill("dev", an_assembly(), replace(MEASURED, response_mean_bytes=600_000), ASSUMED)

    assert usd(counted.per_million)["API requests"] == 2.0


def test_what_aws_gives_for_nothing_is_shown_and_not_subtracted():
    counted = bill("dev", an_assembly(), MEASURED, ASSUMED)

    free = {item.price: item.quantity for item in counted.free}
    assert free["lambda_request"] == 1_000_000
    assert free["lambda_gb_second_arm64"] == 81_000  # all that was used, of 400,000
    assert free["trace"] == 100_000  # of 500,000
    assert usd(counted.per_million)["function: requests"] == 0.2


def test_a_resource_without_a_price_stops_the_bill_and_is_named():
    with pytest.raises(BillImpossible, match="vitrine-dev-search holds AWS::SQS::Queue, for which no price is known"):
        bill("dev", an_assembly(Queue={"Type": "AWS::SQS::Queue"}), MEASURED, ASSUMED)


def test_a_search_path_that_was_not_measured_has_no_bill():
    variables = {"SEARCH_PATH": "functions", "POINTER_SECONDS": "30.0"}
    assembly = an_assembly(Function=a_function(Environment={"Variables": variables}))

    with pytest.raises(BillImpossible, match="SEARCH_PATH is functions: only in_process was measured"):
        bill("dev", assembly, MEASURED, ASSUMED)


def test_every_price_names_its_page_and_the_day_when_it_was_read():
    prices, region, read = read_prices()

    assert (region, read[:4]) == ("us-east-1", "2026")
    assert all(price.source.startswith("https://aws.amazon.com/") for price in prices.values())


def test_the_table_says_what_is_assumed():
    table = as_table(bill("dev", an_assembly(), MEASURED, replace(ASSUMED, slower=3.5)))

    assert "slower                    3.5" in table
    assert "free for every account, NOT subtracted above" in table


@pytest.fixture
def synthesised(tmp_path):
    """A folder as `cdk synth` leaves it, with a template of an earlier synth beside those of the manifest."""
    asset = tmp_path / "asset.1"
    asset.mkdir()
    (asset / "code.py").write_bytes(b"x" * 1000)
    listed = {"files": {"1": {"source": {"path": "asset.1", "packaging": "zip"}}}}
    artifacts = {}
    for name, template in an_assembly().templates.items():
        (tmp_path / f"{name}.template.json").write_text(json.dumps(template))
        (tmp_path / f"{name}.assets.json").write_text(json.dumps(listed))
        artifacts[name] = {
            "type": "aws:cloudformation:stack",
            "properties": {"templateFile": f"{name}.template.json"},
        }
    (tmp_path / "vitrine-dev-edge.template.json").write_text('{"Resources": {"F": {"Type": "AWS::WAFv2::WebACL"}}}')
    (tmp_path / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    return tmp_path


def test_an_assembly_is_what_its_manifest_names_and_shared_assets_weigh_once(synthesised):
    assembly = Assembly.read(synthesised, "dev")

    assert set(assembly.templates) == {"vitrine-dev-search", "vitrine-dev-storage"}
    assert assembly.asset_bytes == 1000


def test_the_command_prints_json_that_adds_up(synthesised, capsys):
    measured = synthesised / "measured.json"
    measured.write_text(json.dumps(MEASURED.__dict__))

    assert main(["bill", "--stage", "dev", "--assembly", str(synthesised), "--measured", str(measured), "--json"]) == 0

    shown = json.loads(capsys.readouterr().out)
    assert shown["asleep_usd"] == pytest.approx(sum(item["usd"] for item in shown["asleep"]))
    assert shown["assumptions"]["slower"] == Assumptions().slower


def test_the_command_takes_another_assumption(synthesised, capsys):
    measured = synthesised / "measured.json"
    measured.write_text(json.dumps(MEASURED.__dict__))
    command = ["bill", "--stage", "dev", "--assembly", str(synthesised), "--measured", str(measured), "--json"]

    def warm_gb_seconds(*options):
        main([*command, *options])
        items = json.loads(capsys.readouterr().out)["per_million"]
        return next(item["quantity"] for item in items if item["what"] == "function: warm")

    assert warm_gb_seconds("--slower", "1") == 21_000  # (10 + 0.5) ms x 2 GB
    assert warm_gb_seconds("--slower", "3") == 61_000


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--cold-share", "1.5", "cold_share is 1.5: expected a share from 0 to 1"),
        ("--slower", "-2", "slower is -2: expected a number above 0"),
        ("--slower", "nan", "slower is nan: expected a number above 0"),
        ("--download-mb-per-second", "0", "download_mb_per_second is 0: expected a number above 0"),
    ],
)
def test_an_assumption_that_cannot_be_is_refused(synthesised, capsys, option, value, says):
    assert main(["bill", "--stage", "dev", "--assembly", str(synthesised), f"{option}={value}"]) == 1

    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("stage", "measured", "says"),
    [
        ("moon", "measured.json", "holds no stage moon: `make synth STAGE=moon` writes it"),
        ("dev", "absent.json", "`python -m benchmarks.bill_inputs` measures it"),
    ],
)
def test_what_is_missing_is_named_with_the_command_that_makes_it(synthesised, capsys, stage, measured, says):
    (synthesised / "measured.json").write_text(json.dumps(MEASURED.__dict__))
    given = ["--assembly", str(synthesised), "--measured", str(Path(synthesised) / measured)]

    assert main(["bill", "--stage", stage, *given]) == 1

    assert says in capsys.readouterr().err
