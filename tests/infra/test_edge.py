"""CloudFront and the firewall: only where a stage asks, and no key is kept, logged or shared on the way."""

from dataclasses import replace
from pathlib import Path

import pytest

from infra.edge_stack import COUNTED_RULES
from infra.stage import stages


def behaviour(synthesised):
    """How the one distribution forwards."""
    (distribution,) = synthesised.resources("edge", "AWS::CloudFront::Distribution").values()
    return distribution["DistributionConfig"]["DefaultCacheBehavior"]


@pytest.mark.parametrize("name", ["local", "dev", "staging", "prod"])
def test_no_stage_pays_for_an_edge_unless_it_asks(synthesised_stage, name):
    assert not list(synthesised_stage(name).folder.glob("*-edge.template.json"))


def test_an_edge_without_a_region_is_refused(an_edge):
    with pytest.raises(ValueError, match="stage dev has an edge but no region"):
        replace(stages(Path("/nowhere"))["dev"], edge=an_edge)


def test_browsers_need_tls_1_2_and_so_does_the_way_to_the_api(at_the_edge):
    (distribution,) = at_the_edge.resources("edge", "AWS::CloudFront::Distribution").values()

    config = distribution["DistributionConfig"]

    assert config["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"
    assert config["DefaultCacheBehavior"]["ViewerProtocolPolicy"] == "https-only"
    assert config["Origins"][0]["CustomOriginConfig"] == {
        "OriginProtocolPolicy": "https-only",
        "OriginSSLProtocols": ["TLSv1.2"],
    }


def test_an_answer_is_kept_only_as_it_says_and_never_for_another_key(at_the_edge):
    (policy,) = at_the_edge.resources("edge", "AWS::CloudFront::CachePolicy").values()
    config = policy["CachePolicyConfig"]
    told_apart_by = config["ParametersInCacheKeyAndForwardedToOrigin"]

    assert (config["MinTTL"], config["DefaultTTL"]) == (0, 0)
    assert {"X-Algolia-API-Key", "x-api-key"} < set(told_apart_by["HeadersConfig"]["Headers"])
    assert told_apart_by["QueryStringsConfig"] == {"QueryStringBehavior": "all"}
    assert "Host" not in told_apart_by["HeadersConfig"]["Headers"]  # the API answers to its own name alone


def test_every_header_but_the_host_reaches_the_api_and_answers_travel_compressed(at_the_edge):
    all_viewer_except_host_header = "b689b0a8-53d0-40ab-baf2-68738e2966ac"

    forwards = behaviour(at_the_edge)

    assert forwards["OriginRequestPolicyId"] == all_viewer_except_host_header
    assert forwards["Compress"] is True
    assert {"PUT", "POST", "DELETE"} < set(forwards["AllowedMethods"])


def test_the_firewall_stands_in_front_of_the_distribution(at_the_edge):
    (distribution,) = at_the_edge.resources("edge", "AWS::CloudFront::Distribution").values()
    ((firewall, properties),) = at_the_edge.resources("edge", "AWS::WAFv2::WebACL").items()

    by_address, common = properties["Rules"]

    assert distribution["DistributionConfig"]["WebACLId"] == {"Fn::GetAtt": [firewall, "Arn"]}
    assert by_address["Statement"]["RateBasedStatement"]["Limit"] == at_the_edge.stage.edge.requests_per_address
    overridden = common["Statement"]["ManagedRuleGroupStatement"]["RuleActionOverrides"]
    assert {each["Name"] for each in overridden} == set(COUNTED_RULES)
    assert all(each["ActionToUse"] == {"Count": {}} for each in overridden)


def test_the_firewalls_log_and_samples_hold_no_key(at_the_edge):
    (logging,) = at_the_edge.resources("edge", "AWS::WAFv2::LoggingConfiguration").values()
    (firewall,) = at_the_edge.resources("edge", "AWS::WAFv2::WebACL").values()

    assert logging["RedactedFields"] == [
        {"QueryString": {}},
        {"SingleHeader": {"Name": "x-algolia-api-key"}},
        {"SingleHeader": {"Name": "x-api-key"}},
    ]
    seen = [firewall["VisibilityConfig"], *(rule["VisibilityConfig"] for rule in firewall["Rules"])]
    assert not any(each["SampledRequestsEnabled"] for each in seen)


def test_the_firewall_lives_in_the_one_region_that_has_it_and_the_api_where_the_stage_says(synthesise, an_edge):
    abroad = synthesise("prod", region="eu-west-1", edge=an_edge)

    (distribution,) = abroad.resources("edge", "AWS::CloudFront::Distribution").values()
    (logging,) = abroad.resources("edge", "AWS::WAFv2::LoggingConfiguration").values()

    origin = distribution["DistributionConfig"]["Origins"][0]["DomainName"]["Fn::Join"][1]
    assert ".execute-api.eu-west-1." in origin
    assert ":logs:us-east-1:" in logging["LogDestinationConfigs"][0]["Fn::Join"][1]
