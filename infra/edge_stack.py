"""What a stage may put in front of its API: CloudFront, and a web application firewall on it."""

import aws_cdk as cdk
from aws_cdk import (
    ArnFormat,
    CfnOutput,
    Duration,
    Environment,
    RemovalPolicy,
    Stack,
    aws_certificatemanager,
    aws_cloudfront,
    aws_cloudfront_origins,
    aws_logs,
)
from aws_cdk.aws_wafv2 import CfnLoggingConfiguration, CfnWebACL
from constructs import Construct

from infra.service_function import RETENTION
from infra.stage import Edge, Stage

REGION = "us-east-1"
"""The only region in which AWS keeps a firewall for CloudFront."""

KEY_HEADERS = ("X-Algolia-API-Key", "x-api-key")

COUNTED_RULES = (
    "CrossSiteScripting_BODY",
    "CrossSiteScripting_QUERYARGUMENTS",
    "EC2MetaDataSSRF_BODY",
    "EC2MetaDataSSRF_QUERYARGUMENTS",
    "GenericLFI_BODY",
    "GenericLFI_QUERYARGUMENTS",
    "GenericRFI_BODY",
    "GenericRFI_QUERYARGUMENTS",
    "SizeRestrictions_BODY",
    "SizeRestrictions_QUERYSTRING",
)
"""Rules of AWS's common set that would refuse honest requests: a shopper may search for `<b>` or an address, a
product's description is HTML, and a batch of products is longer than 8 kB. They count; nothing here runs what a body
says."""


class EdgeStack(Stack):
    """A distribution that forwards to the API and keeps only answers that say so themselves, behind a firewall.

    The API's own address stays open beside it, with the same keys and throttles; the firewall guards this one.
    """

    def __init__(self, scope: Construct, *, stage: Stage, edge: Edge, api_id: str) -> None:
        super().__init__(
            scope,
            f"vitrine-{stage.name}-edge",
            description=f"Vitrine {stage.name}: CloudFront and firewall",
            env=Environment(region=REGION),
            cross_region_references=True,
        )
        self.firewall = self._firewall(stage, edge)
        # A key decides what an answer may hold, so answers are kept by key; no header that is not named here tells
        # two requests apart.
        kept_by = aws_cloudfront.CachePolicy(
            self,
            "KeptAsAnswersSay",
            cache_policy_name=f"vitrine-{stage.name}",
            min_ttl=Duration.seconds(0),
            default_ttl=Duration.seconds(0),
            max_ttl=Duration.hours(1),
            header_behavior=aws_cloudfront.CacheHeaderBehavior.allow_list(*KEY_HEADERS, "Origin"),
            query_string_behavior=aws_cloudfront.CacheQueryStringBehavior.all(),
            enable_accept_encoding_gzip=True,
            enable_accept_encoding_brotli=True,
        )
        self.distribution = aws_cloudfront.Distribution(
            self,
            "Distribution",
            comment=f"vitrine-{stage.name}",
            default_behavior=aws_cloudfront.BehaviorOptions(
                origin=aws_cloudfront_origins.HttpOrigin(
                    f"{api_id}.execute-api.{stage.region}.{cdk.Aws.URL_SUFFIX}",
                    origin_ssl_protocols=[aws_cloudfront.OriginSslPolicy.TLS_V1_2],
                ),
                allowed_methods=aws_cloudfront.AllowedMethods.ALLOW_ALL,
                viewer_protocol_policy=aws_cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
                cache_policy=kept_by,
                # the API answers to its own name alone
                origin_request_policy=aws_cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
                compress=True,
            ),
            domain_names=[edge.domain_name],
            certificate=aws_certificatemanager.Certificate.from_certificate_arn(
                self, "Certificate", edge.certificate_arn
            ),
            minimum_protocol_version=aws_cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021,
            http_version=aws_cloudfront.HttpVersion.HTTP2_AND_3,
            web_acl_id=self.firewall.attr_arn,
        )
        CfnOutput(self, "EdgeAddress", value=f"https://{edge.domain_name}")
        CfnOutput(self, "DistributionName", value=self.distribution.distribution_domain_name)
        cdk.Validations.of(self.distribution).acknowledge(
            cdk.Acknowledgment(
                id="AwsSolutions::AwsSolutions-CFR3",
                reason="Its log would hold query strings, where keys may travel; the API logs every request without.",
            ),
            cdk.Acknowledgment(
                id="AwsSolutions::AwsSolutions-CFR1", reason="Where a shop sells is the shop's choice, not a risk."
            ),
        )

    def _firewall(self, stage: Stage, edge: Edge) -> CfnWebACL:
        by_address = CfnWebACL.StatementProperty(
            rate_based_statement=CfnWebACL.RateBasedStatementProperty(
                aggregate_key_type="IP", limit=edge.requests_per_address, evaluation_window_sec=300
            )
        )
        counted = [
            CfnWebACL.RuleActionOverrideProperty(
                name=name, action_to_use=CfnWebACL.RuleActionProperty(count=CfnWebACL.CountActionProperty())
            )
            for name in COUNTED_RULES
        ]
        common = CfnWebACL.StatementProperty(
            managed_rule_group_statement=CfnWebACL.ManagedRuleGroupStatementProperty(
                vendor_name="AWS", name="AWSManagedRulesCommonRuleSet", rule_action_overrides=counted
            )
        )
        firewall = CfnWebACL(
            self,
            "Firewall",
            name=f"vitrine-{stage.name}",
            scope="CLOUDFRONT",
            default_action=CfnWebACL.DefaultActionProperty(allow=CfnWebACL.AllowActionProperty()),
            rules=[
                CfnWebACL.RuleProperty(
                    name="TooManyFromOneAddress",
                    priority=0,
                    statement=by_address,
                    action=CfnWebACL.RuleActionProperty(block=CfnWebACL.BlockActionProperty()),
                    visibility_config=_seen_as("TooManyFromOneAddress"),
                ),
                CfnWebACL.RuleProperty(
                    name="CommonAttacks",
                    priority=1,
                    statement=common,
                    override_action=CfnWebACL.OverrideActionProperty(none={}),
                    visibility_config=_seen_as("CommonAttacks"),
                ),
            ],
            visibility_config=_seen_as(f"vitrine-{stage.name}"),
        )
        logs = aws_logs.LogGroup(
            self,
            "FirewallLogs",
            log_group_name=f"aws-waf-logs-vitrine-{stage.name}",  # AWS asks for this beginning
            retention=RETENTION[stage.log_retention_days],
            removal_policy=RemovalPolicy.DESTROY,
        )
        CfnLoggingConfiguration(
            self,
            "FirewallLogging",
            resource_arn=firewall.attr_arn,
            log_destination_configs=[
                self.format_arn(
                    service="logs",
                    resource="log-group",
                    resource_name=logs.log_group_name,
                    arn_format=ArnFormat.COLON_RESOURCE_NAME,
                )
            ],
            redacted_fields=[
                CfnLoggingConfiguration.FieldToMatchProperty(query_string={}),
                *(
                    CfnLoggingConfiguration.FieldToMatchProperty(single_header={"Name": name.lower()})
                    for name in KEY_HEADERS
                ),
            ],
            logging_filter={
                "DefaultBehavior": "DROP",  # what was let through is in the API's own log
                "Filters": [
                    {
                        "Behavior": "KEEP",
                        "Requirement": "MEETS_ANY",
                        "Conditions": [
                            {"ActionCondition": {"Action": "BLOCK"}},
                            {"ActionCondition": {"Action": "COUNT"}},
                        ],
                    }
                ],
            },
        )
        return firewall


def _seen_as(metric: str) -> CfnWebACL.VisibilityConfigProperty:
    # a sampled request shows its headers and query string as they came
    return CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=metric, sampled_requests_enabled=False
    )
