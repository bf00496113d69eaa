"""What a stage costs a month: asleep, and for every million searches, item by item.

Counted from the synthesised templates (what exists), from measurements (what a search takes) and from a list of prices.
What none of the three can know is an assumption, and is shown as one.
"""

import argparse
import json
import math
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from relevance.errors import VitrineError
from sagemaker_jobs.folders import PROJECT

PRICES = Path(__file__).with_name("prices.toml")
MEASURED = PROJECT / "benchmarks" / "results" / "bill_inputs.json"

MILLION = 1_000_000
GB = 1e9
HOURS_A_MONTH = 730
SECONDS_A_MONTH = HOURS_A_MONTH * 3600
FRONT_DOOR = "functions.assemble_results.handler.lambda_handler"
_SECONDS_OF = {"minute": 60, "hour": 3600, "day": 86_400}
WATCH = "functions.monitor_quality.handler.lambda_handler"
API_BLOCK_BYTES = 512 * 1024
LOG_EVENT_BYTES = 26
"""What CloudWatch adds to every event that it takes in."""
KEY_SECONDS = 60
"""How often a function that is asked reads the keys again."""
TABLE_KEY_SECONDS = 300
"""How often DynamoDB asks for its encryption key again, on behalf of one caller."""

COSTS_NOTHING = frozenset(
    {
        "AWS::CDK::Metadata",
        "AWS::ApiGatewayV2::Api",
        "AWS::ApiGatewayV2::Integration",
        "AWS::ApiGatewayV2::Route",
        "AWS::ApiGatewayV2::Stage",
        "AWS::CloudFront::CachePolicy",
        "AWS::CloudFront::Distribution",
        "AWS::Events::Rule",
        "AWS::IAM::Policy",
        "AWS::IAM::Role",
        "AWS::Lambda::Function",
        "AWS::Lambda::LayerVersion",
        "AWS::Lambda::Permission",
        "AWS::Logs::LogGroup",
        "AWS::Logs::QueryDefinition",
        "AWS::S3::BucketPolicy",
        "AWS::SNS::Subscription",
        "AWS::SNS::Topic",
        "AWS::SNS::TopicPolicy",
        "AWS::SageMaker::ModelPackageGroup",
        "AWS::SageMaker::Pipeline",
        "AWS::SQS::Queue",
        "AWS::SQS::QueuePolicy",
        "AWS::WAFv2::LoggingConfiguration",
        "Custom::CrossRegionExportReader",
        "Custom::CrossRegionExportWriter",
    }
)
"""Types of resource that AWS bills by use alone, or not at all; one that is neither here nor priced stops the bill."""

PRICED_TOGETHER = frozenset(
    {
        "AWS::ApplicationAutoScaling::ScalableTarget",
        "AWS::SageMaker::Endpoint",
        "AWS::SageMaker::EndpointConfig",
        "AWS::SageMaker::InferenceComponent",
        "AWS::SageMaker::Model",
    }
)
"""What an endpoint is made of: one says which machines, another how many."""

Properties = Mapping[str, Any]


class BillImpossible(VitrineError):
    """Something in the stage has no price here, or there is nothing to count."""


@dataclass(frozen=True)
class Price:
    """One line of AWS's price list."""

    usd: float
    unit: str
    source: str
    free: float = 0.0
    """How much of it every account gets each month for nothing, for good."""


@dataclass(frozen=True)
class Assumptions:
    """What is neither in a template nor measured here."""

    slower: float = 2.0
    """How many times longer a search takes in Lambda than on the machine that measured: another processor (arm64, a
    share of it), and the network to DynamoDB and SSM."""
    cold_share: float = 0.01
    """Of searches that meet a new execution environment, in [0, 1]."""
    download_mb_per_second: float = 50.0
    """At which a cold start reads a release from S3."""
    traced_share: float = 1.0
    """Of searches that X-Ray records, in [0, 1]. Lambda takes the first in each second and 5% of the rest: a million,
    spread evenly over a month, is one in 2.6 s, so nearly all."""
    environments: float = 1.0
    """Execution environments that are alive, on average; each reads keys and pointer again and again."""
    releases: int = 5
    """Kept in the bucket, deleted ones that can still be brought back included."""
    training_gb: float = 20.0
    """Kept in the bucket of a stage that trains: snapshots of data, and what the runs of two months made of them."""
    awake_share: float = 1.0
    """Of the month in which an endpoint that may sleep is awake, or a schedule keeps as many instances as it ever does,
    in [0, 1]. A million searches, spread evenly over a month, let nothing sleep."""
    asked_share: float = 1.0
    """Of searches that ask the endpoint where there is one, in [0, 1]: those whose vector neither the release nor the
    function remembers."""
    endpoint_ms: float = 20.0
    """What a function waits for the endpoint's answer."""
    endpoint_bytes: int = 8000
    """Of one question and its answer, a vector of 384 numbers as JSON."""
    container_gb: float = 4.0
    """Of the endpoint's container, in the account's registry."""
    judged_queries: int = 200
    """Asked by each run of the watch over quality: as many as it asks at most."""
    judged_queries_per_second: float = 10.0
    """How fast it asks them, and so how long it runs."""
    header_bytes: int = 700
    """Of one answer, beside its body."""
    platform_log_bytes: int = 700
    """What Lambda writes beside a function's own lines: start and report of an invocation, traces' ids."""

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if name.endswith("_share"):
                possible, expected = 0 <= value <= 1, "a share from 0 to 1"
            else:
                possible, expected = 0 < value < math.inf, "a number above 0"
            if not possible:
                raise BillImpossible(f"{name} is {value:g}: expected {expected}")


@dataclass(frozen=True)
class Measured:
    """What `benchmarks/bill_inputs.py` found; means over searches."""

    handler_mean_ms: float
    cold_import_ms: float
    cold_open_ms: float
    response_mean_bytes: int
    log_mean_bytes: int
    log_mean_lines: float
    custom_metrics: tuple[str, ...]
    release_bytes: int
    release_files: int
    catalogue_bytes: int

    @classmethod
    def read(cls, path: Path) -> "Measured":
        """Raises BillImpossible if the file is not there or lacks a figure."""
        try:
            given = json.loads(path.read_text(encoding="utf-8"))
            figures = {field.name: given[field.name] for field in fields(cls)}
        except (OSError, ValueError, KeyError) as error:
            raise BillImpossible(f"{path}: {error}; `python -m benchmarks.bill_inputs` measures it") from error
        return cls(**figures | {"custom_metrics": tuple(figures["custom_metrics"])})


@dataclass(frozen=True)
class Item:
    """One line of the bill."""

    what: str
    price: str
    """Its key in the price list."""
    quantity: float
    """In the price's unit, a month."""
    usd: float


@dataclass(frozen=True)
class Bill:
    """What one stage costs in US dollars a month, before free tiers."""

    stage: str
    region: str
    prices_read: str
    asleep: tuple[Item, ...]
    """While nobody searches."""
    per_million: tuple[Item, ...]
    """On top of it, in a month with a million searches."""
    free: tuple[Item, ...]
    """What AWS gives every account of it each month; not subtracted, since others of the account may use it up."""
    assumptions: Assumptions
    alone_asleep_usd: float
    """A month in which nobody searches, in an account of its own: what AWS gives every account is taken off."""

    @property
    def asleep_usd(self) -> float:
        """A month in which nobody searches."""
        return sum(item.usd for item in self.asleep)

    @property
    def per_million_usd(self) -> float:
        """A million searches, without what the stage costs asleep."""
        return sum(item.usd for item in self.per_million)

    def as_json(self) -> dict[str, Any]:
        """Everything that the table says, and the sums."""
        return asdict(self) | {"asleep_usd": self.asleep_usd, "per_million_usd": self.per_million_usd}


@dataclass(frozen=True)
class Assembly:
    """The templates of one stage, as synthesised."""

    templates: Mapping[str, Mapping[str, Any]]
    """By stack."""
    asset_bytes: int
    """Code and layers, unzipped."""

    @classmethod
    def read(cls, folder: Path, stage: str) -> "Assembly":
        """The stacks that the folder's manifest names; what lies there from an earlier synth does not count.

        Raises:
            BillImpossible: If the folder holds no such stage.
        """
        manifest = folder / "manifest.json"
        artifacts = json.loads(manifest.read_text(encoding="utf-8"))["artifacts"] if manifest.is_file() else {}
        stacks = {
            name: folder / each["properties"]["templateFile"]
            for name, each in artifacts.items()
            if each["type"] == "aws:cloudformation:stack" and name.startswith(f"vitrine-{stage}-")
        }
        if not stacks:
            raise BillImpossible(f"{folder} holds no stage {stage}: `make synth STAGE={stage}` writes it")
        assets: set[Path] = set()
        for name in stacks:
            listed = json.loads((folder / f"{name}.assets.json").read_text(encoding="utf-8"))
            sources = (each["source"] for each in listed["files"].values())
            assets |= {(folder / source["path"]).resolve() for source in sources if source["packaging"] == "zip"}
        files = (path for asset in assets for path in asset.rglob("*") if path.is_file())
        return cls(
            {name: json.loads(path.read_text(encoding="utf-8")) for name, path in stacks.items()},
            sum(path.stat().st_size for path in files),
        )

    def of_type(self, kind: str) -> list[Properties]:
        """The properties of every resource of one type."""
        return [properties for _, found, properties in self.resources() if found == kind]

    def resources(self) -> Iterator[tuple[str, str, Properties]]:
        """Stack, type and properties of every resource."""
        for stack, template in self.templates.items():
            for resource in template["Resources"].values():
                yield stack, resource["Type"], resource.get("Properties", {})


def read_prices(path: Path = PRICES) -> tuple[dict[str, Price], str, str]:
    """The prices by key, their region, and the day when they were read."""
    given = tomllib.loads(path.read_text(encoding="utf-8"))
    region, read = given.pop("region"), given.pop("read")
    return {name: Price(**each) for name, each in given.items()}, region, read.isoformat()


def bill(
    stage: str, assembly: Assembly, measured: Measured, assumptions: Assumptions, prices_file: Path = PRICES
) -> Bill:
    """Count everything.

    Raises:
        BillImpossible: If a resource has no price, or searches take a path that was not measured.
    """
    prices, region, read = read_prices(prices_file)

    def priced(counted: Iterable[tuple[str, str, float]]) -> tuple[Item, ...]:
        quantities: dict[tuple[str, str], float] = {}
        for what, price, quantity in counted:
            quantities[what, price] = quantities.get((what, price), 0.0) + quantity
        for what, price in quantities:
            if price not in prices:
                raise BillImpossible(f"{what}: {price} has no price: add it to {prices_file.name}")
        return tuple(
            Item(what, price, quantity, quantity * prices[price].usd)
            for (what, price), quantity in quantities.items()
            if quantity
        )

    asleep = priced(_asleep(assembly, measured, assumptions))
    awake = priced(_per_million(assembly, measured, assumptions))
    used: dict[str, float] = {}
    for item in (*asleep, *awake):
        used[item.price] = used.get(item.price, 0.0) + item.quantity
    alone = sum(
        max(0.0, sum(item.quantity for item in asleep if item.price == key) - price.free) * price.usd
        for key, price in prices.items()
    )
    free = priced(("", price, min(quantity, prices[price].free)) for price, quantity in used.items())
    return Bill(stage, region, read, asleep, awake, free, assumptions, alone)


def as_table(counted: Bill, prices_file: Path = PRICES) -> str:
    """The bill as text."""
    prices, _, _ = read_prices(prices_file)

    def lines(items: Iterable[Item]) -> Iterator[str]:
        for item in items:
            unit = prices[item.price].unit
            yield f"  {item.what or item.price:48}{_number(item.quantity):>14} {unit:34.34}{item.usd:>10.4f}"

    head = f"stage {counted.stage}, US dollars a month, prices of {counted.region} as of {counted.prices_read}"
    parts = [head, "", "asleep", *lines(counted.asleep), _sum(counted.asleep_usd)]
    parts += ["  and in an account that has nothing else, of which AWS gives some", _sum(counted.alone_asleep_usd), ""]
    parts += ["for every million searches, on top", *lines(counted.per_million), _sum(counted.per_million_usd), ""]
    parts += ["free for every account, NOT subtracted above", *lines(counted.free), ""]
    parts += ["assumed, neither measured nor in a template"]
    parts += [f"  {name:26}{value:g}" for name, value in asdict(counted.assumptions).items()]
    return "\n".join(parts)


def add_bill_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`vitrine bill`; every assumption is an option."""
    billing = commands.add_parser("bill", help="what a synthesised stage costs, asleep and for every million searches")
    billing.add_argument("--stage", required=True, help="such as prod")
    billing.add_argument("--assembly", type=Path, default=Path("cdk.out"), metavar="DIR", help="default: cdk.out")
    billing.add_argument("--measured", type=Path, default=MEASURED, metavar="FILE", help="default: the benchmark's own")
    billing.add_argument("--json", action="store_true", help="everything, for a program")
    assumed = billing.add_argument_group("assumptions", "cli/bill.py says what each stands for")
    for field in fields(Assumptions):
        option = f"--{field.name.replace('_', '-')}"
        assumed.add_argument(
            option, type=type(field.default), default=field.default, metavar="N", help=f"default: {field.default:g}"
        )
    billing.set_defaults(command=_show)


def _show(given: argparse.Namespace) -> None:
    assumed = Assumptions(**{field.name: getattr(given, field.name) for field in fields(Assumptions)})
    counted = bill(given.stage, Assembly.read(given.assembly, given.stage), Measured.read(given.measured), assumed)
    print(json.dumps(counted.as_json(), indent=1) if given.json else as_table(counted))


def _alarm(properties: Properties, *_: object) -> Iterator[tuple[str, str, float]]:
    watched = [each for each in properties.get("Metrics", ()) if "MetricStat" in each]
    periods = [each["MetricStat"]["Period"] for each in watched] or [properties.get("Period", 60)]
    yield "alarms", "alarm_high_resolution" if min(periods) < 60 else "alarm", len(periods)


def _composite(*_: object) -> Iterator[tuple[str, str, float]]:
    yield "alarms that sum up others", "alarm_composite", 1


def _dashboard(*_: object) -> Iterator[tuple[str, str, float]]:
    yield "dashboards", "dashboard", 1


def _table(properties: Properties, measured: Measured, _: Assumptions) -> Iterator[tuple[str, str, float]]:
    # the pointer's table holds one line for each index, the catalogue's all products
    stored = measured.catalogue_bytes if len(properties["KeySchema"]) > 1 else 1000
    yield "tables: storage", "dynamodb_gb", stored / GB
    if properties.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled"):
        yield "tables: point-in-time recovery", "dynamodb_recovery_gb", stored / GB


def _bucket(properties: Properties, measured: Measured, assumed: Assumptions) -> Iterator[tuple[str, str, float]]:
    rules = properties.get("LifecycleConfiguration", {}).get("Rules", ())
    if any(rule.get("Prefix") == "runs/" for rule in rules):
        yield "training: snapshots and runs", "s3_gb", assumed.training_gb
    else:
        yield "releases", "s3_gb", assumed.releases * measured.release_bytes / GB


def _firewall(properties: Properties, *_: object) -> Iterator[tuple[str, str, float]]:
    yield "firewall", "firewall", 1
    yield "firewall's rules", "firewall_rule", len(properties["Rules"])


def _scaling_policy(properties: Properties, *_: object) -> Iterator[tuple[str, str, float]]:
    # keeping a metric at its target, AWS watches it by two alarms of its own
    yield "alarms", "alarm", 2 * ("TargetTrackingScalingPolicyConfiguration" in properties)


def _key(*_: object) -> Iterator[tuple[str, str, float]]:
    yield "keys of our own", "kms_key", 1


ASLEEP: Mapping[str, Callable[[Properties, Measured, Assumptions], Iterator[tuple[str, str, float]]]] = {
    "AWS::ApplicationAutoScaling::ScalingPolicy": _scaling_policy,
    "AWS::CloudWatch::Alarm": _alarm,
    "AWS::CloudWatch::CompositeAlarm": _composite,
    "AWS::CloudWatch::Dashboard": _dashboard,
    "AWS::DynamoDB::Table": _table,
    "AWS::KMS::Key": _key,
    "AWS::S3::Bucket": _bucket,
    "AWS::WAFv2::WebACL": _firewall,
}


def _asleep(assembly: Assembly, measured: Measured, assumed: Assumptions) -> Iterator[tuple[str, str, float]]:
    for stack, kind, properties in assembly.resources():
        if kind in ASLEEP:
            yield from ASLEEP[kind](properties, measured, assumed)
        elif kind not in COSTS_NOTHING | PRICED_TOGETHER:
            raise BillImpossible(f"{stack} holds {kind}, for which no price is known: add it to cli/bill.py")
    for function in assembly.of_type("AWS::Lambda::Function"):
        if function.get("EphemeralStorage", {}).get("Size", 512) > 512:
            raise BillImpossible("a function asks for more than 512 MB of storage, which has no price here")
    yield "code and layers, in the bootstrap bucket", "s3_gb", assembly.asset_bytes / GB
    for config in assembly.of_type("AWS::SageMaker::EndpointConfig"):
        yield "endpoint: instances", _instance(config), _kept_instances(assembly, assumed) * HOURS_A_MONTH
        yield "endpoint: container", "registry_gb", assumed.container_gb
    yield from _watch(assembly, assumed)


def _watch(assembly: Assembly, assumed: Assumptions) -> Iterator[tuple[str, str, float]]:
    """What the stage asks itself while nobody else does; the answers stay within the region."""
    for watch, runs in _watches(assembly):
        seconds = assumed.judged_queries / assumed.judged_queries_per_second
        yield "watch: API requests", "http_api_request", runs * assumed.judged_queries
        duration = f"lambda_gb_second_{watch['Architectures'][0]}"
        yield "watch: function", duration, runs * seconds * watch["MemorySize"] / 1024


def _watches(assembly: Assembly) -> Iterator[tuple[Properties, float]]:
    """The watch over quality where one is on, and its runs a month."""
    functions = [each for each in assembly.of_type("AWS::Lambda::Function") if each.get("Handler") == WATCH]
    rules = [each for each in assembly.of_type("AWS::Events::Rule") if "MonitorQuality" in str(each.get("Targets"))]
    for function, rule in zip(functions, rules, strict=True):
        number, unit = rule["ScheduleExpression"].removeprefix("rate(").removesuffix(")").split()
        if rule["State"] == "ENABLED":
            yield function, SECONDS_A_MONTH / (int(number) * _SECONDS_OF[unit.removesuffix("s")])


def _per_million(assembly: Assembly, measured: Measured, assumed: Assumptions) -> Iterator[tuple[str, str, float]]:
    (front_door,) = [each for each in assembly.of_type("AWS::Lambda::Function") if each.get("Handler") == FRONT_DOOR]
    (api_stage,) = assembly.of_type("AWS::ApiGatewayV2::Stage")
    variables = front_door["Environment"]["Variables"]
    if variables["SEARCH_PATH"] != "in_process":
        raise BillImpossible(f"SEARCH_PATH is {variables['SEARCH_PATH']}: only in_process was measured")

    answer_bytes = measured.response_mean_bytes + assumed.header_bytes
    yield "API requests", "http_api_request", MILLION * math.ceil(answer_bytes / API_BLOCK_BYTES)
    yield "function: requests", "lambda_request", MILLION
    gb = front_door["MemorySize"] / 1024
    duration = f"lambda_gb_second_{front_door['Architectures'][0]}"
    # AWS rounds every invocation up to a whole millisecond: half of one on average
    yield "function: warm", duration, MILLION * gb * (measured.handler_mean_ms * assumed.slower + 0.5) / 1000
    cold = MILLION * assumed.cold_share
    download_ms = measured.release_bytes / assumed.download_mb_per_second / 1000
    start_ms = (measured.cold_import_ms + measured.cold_open_ms) * assumed.slower + download_ms
    yield "function: cold starts", duration, cold * gb * start_ms / 1000
    yield "releases read by cold starts", "s3_get", cold * measured.release_files

    alive = assumed.environments * SECONDS_A_MONTH
    yield "pointer reads", "dynamodb_read", alive / float(variables["POINTER_SECONDS"])
    yield "keys: SSM", "ssm_standard_parameter", 1
    yield "keys and tables: decryptions", "kms_request", alive / KEY_SECONDS + alive / TABLE_KEY_SECONDS

    own_bytes = measured.log_mean_bytes + measured.log_mean_lines * LOG_EVENT_BYTES + assumed.platform_log_bytes
    access_bytes = len(api_stage["AccessLogSettings"]["Format"]) + LOG_EVENT_BYTES
    written = MILLION * (own_bytes + access_bytes) / GB
    days = max(group["RetentionInDays"] for group in assembly.of_type("AWS::Logs::LogGroup"))
    yield "logs: written", "logs_ingested_gb", written
    yield f"logs: kept for {days} days", "logs_stored_gb", written * days / 30
    for watch, runs in _watches(assembly):  # each run reads a window of what the front door has written
        months = float(watch["Environment"]["Variables"]["WINDOW_MINUTES"]) * 60 / SECONDS_A_MONTH
        yield "watch: logs read", "logs_read_gb", MILLION * own_bytes / GB * months * runs
    yield "metrics in log lines", "custom_metric", len(measured.custom_metrics)
    if front_door.get("TracingConfig", {}).get("Mode") == "Active":
        yield "traces", "trace", MILLION * assumed.traced_share

    if assembly.of_type("AWS::CloudFront::Distribution"):
        yield "CloudFront: requests", "cloudfront_request", MILLION
        yield "CloudFront: answers to shoppers", "cloudfront_out_gb", MILLION * answer_bytes / GB
    else:
        yield "answers to shoppers", "transfer_out_gb", MILLION * answer_bytes / GB
    if assembly.of_type("AWS::WAFv2::WebACL"):
        yield "firewall: requests", "firewall_request", MILLION
    for config in assembly.of_type("AWS::SageMaker::EndpointConfig"):
        asked = MILLION * assumed.asked_share
        if not _kept_instances(assembly, assumed):
            yield "endpoint: one instance, awake", _instance(config), HOURS_A_MONTH * assumed.awake_share
        yield "endpoint: questions and answers", "endpoint_gb", asked * assumed.endpoint_bytes / GB
        yield "function: waits for the endpoint", duration, asked * gb * assumed.endpoint_ms / 1000
        if "DataCaptureConfig" in config:
            captured = asked * config["DataCaptureConfig"]["InitialSamplingPercentage"] / 100
            kept_days = _captured_days(assembly)
            stored_gb = captured * assumed.endpoint_bytes / GB * kept_days / 30
            yield f"endpoint: captured, kept for {kept_days} days", "s3_gb", stored_gb


def _instance(config: Properties) -> str:
    instance: str = config["ProductionVariants"][0]["InstanceType"]
    return instance


def _kept_instances(assembly: Assembly, assumed: Assumptions) -> float:
    """Of the endpoint, on average over a month in which nobody searches: the least, and what its schedule adds."""
    (target,) = assembly.of_type("AWS::ApplicationAutoScaling::ScalableTarget")
    scheduled = [each["ScalableTargetAction"]["MinCapacity"] for each in target.get("ScheduledActions", ())]
    least: int = target["MinCapacity"]
    return least + (max(scheduled, default=least) - least) * assumed.awake_share


def _captured_days(assembly: Assembly) -> int:
    buckets = assembly.of_type("AWS::S3::Bucket")
    rules = (rule for each in buckets for rule in each.get("LifecycleConfiguration", {}).get("Rules", ()))
    days: int = next(rule["ExpirationInDays"] for rule in rules if rule.get("Prefix") == "captured/")
    return days


def _number(quantity: float) -> str:
    return f"{quantity:,.0f}" if quantity >= 100 or quantity == int(quantity) else f"{quantity:,.4f}"


def _sum(usd: float) -> str:
    return f"  {'':97}{usd:>9.2f}"
