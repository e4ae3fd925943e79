"""A parameter has a hundred versions at most."""

import pytest
from lab_tools import refused, unique

pytestmark = pytest.mark.lab


def test_the_oldest_version_goes_unless_it_is_labelled(aws):
    ssm, name = aws("ssm"), unique("parameter")
    put = {"Name": name, "Type": "String", "Overwrite": True}
    for number in range(101):
        ssm.put_parameter(Value=str(number), **put)
    pages = ssm.get_paginator("get_parameter_history").paginate(Name=name)
    versions = [each["Version"] for page in pages for each in page["Parameters"]]
    assert sorted(versions) == list(range(2, 102))
    assert ssm.get_parameter(Name=f"{name}:2")["Parameter"]["Value"] == "1"
    assert refused(ssm.get_parameter, Name=f"{name}:1") == "ParameterVersionNotFound"
    ssm.label_parameter_version(Name=name, ParameterVersion=2, Labels=["kept"])
    assert refused(ssm.put_parameter, Value="more", **put) == "ParameterMaxVersionLimitExceeded"
    assert ssm.get_parameter(Name=name)["Parameter"]["Value"] == "100"
