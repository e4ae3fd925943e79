"""Query logging of the resolver is configured and, without a resolver, attached to nothing."""

import pytest
from lab_tools import refused

pytestmark = pytest.mark.lab


def test_a_query_log_is_configured_and_cannot_be_attached(aws):
    resolver = aws("route53resolver")
    wanted = {"Name": "q", "DestinationArn": "arn:aws:s3:::some-bucket", "CreatorRequestId": "one"}
    made = resolver.create_resolver_query_log_config(**wanted)["ResolverQueryLogConfig"]
    assert resolver.create_resolver_query_log_config(**wanted)["ResolverQueryLogConfig"]["Id"] == made["Id"]
    assert made in resolver.list_resolver_query_log_configs()["ResolverQueryLogConfigs"]
    attach = {"ResolverQueryLogConfigId": made["Id"], "ResourceId": "vpc-1"}
    assert refused(resolver.associate_resolver_query_log_config, **attach) == "InvalidRequestException"
    resolver.delete_resolver_query_log_config(ResolverQueryLogConfigId=made["Id"])
    gone = {"ResolverQueryLogConfigId": made["Id"]}
    assert refused(resolver.get_resolver_query_log_config, **gone) == "ResourceNotFoundException"
