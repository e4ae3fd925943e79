"""The SQL subset of SelectResourceConfig."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amberlight.lab.awsconfig import sql
from amberlight.lab.own import Refused

ROW = {
    "resourceType": "AWS::EC2::Instance", "resourceId": "i-1", "resourceName": None,
    "configuration": {"size": 8, "encrypted": False, "text": "10", "name": "it's", "dotted": "a.b",
                      "groups": [{"groupId": "sg-1"}, {"groupId": "sg-2"}]},
    "tags": [{"key": "team", "value": "blue", "tag": "team=blue"}],
}  # fmt: skip


@pytest.mark.parametrize("condition,expected", [
    ("resourceType = 'AWS::EC2::Instance'", True), ("resourceType = 'AWS::EC2::Volume'", False),
    ("resourceType LIKE 'AWS::EC2::%'", True), ("resourceType LIKE '%EC2%Inst%'", True),
    ("resourceType LIKE 'AWS::EC2'", False), ("resourceType LIKE '%Instance::Instance'", False),
    ("resourceType like '%stance%ance'", False), ("resourceType NOT LIKE 'AWS::S3::%'", True),
    ("resourceType LIKE 'AWS.%'", False),
    ("configuration.groups.groupId = 'sg-2'", True), ("configuration.groups.groupId = 'sg-3'", False),
    ("configuration.groups.groupId IN ('sg-9', 'sg-1')", True), ("resourceId NOT IN ('i-1')", False),
    ("configuration.size > 7", True), ("configuration.size >= 8 AND configuration.size <= 8", True),
    ("configuration.size BETWEEN 1 AND 7.5", False), ("configuration.size = '8'", False),
    ("configuration.text = 10", True), ("configuration.text > 9.5", True), ("configuration.name > 1", False),
    ("configuration.encrypted = false", True), ("configuration.encrypted = 'false'", True),
    ("configuration.encrypted = TRUE", False), ("configuration.encrypted < true", False),
    ("configuration.name = 'it''s'", True), ("tags.tag = 'team=blue'", True),
    ("configuration.nothing IS NULL", True), ("resourceName IS NULL", True), ("resourceId IS NOT NULL", True),
    ("NOT resourceId = 'i-1'", False), ("configuration.nothing = 'x' OR resourceId = 'i-1'", True),
    ("resourceId = 'x' OR resourceId = 'i-1' AND configuration.size = 9", False),
    ("(resourceId = 'x' OR resourceId = 'i-1') AND configuration.size = 8", True),
])  # fmt: skip
def test_conditions(condition, expected):
    assert sql.read(f"SELECT resourceId WHERE {condition}").where(ROW) is expected


def test_the_parts_of_a_query():
    query = sql.read(
        "select resourceType, COUNT(*) group by resourceType order by count(*) DESC, resourceType limit 3;"
    )
    assert [field.name for field in query.fields] == ["resourceType", "COUNT(*)"]
    assert (query.group, query.limit) == (("resourceType",), 3)
    assert [(field.name, descends) for field, descends in query.order] == [("COUNT(*)", True), ("resourceType", False)]


@pytest.mark.parametrize("text,said", [
    ("", "expected SELECT"), ("DELETE", "expected SELECT"), ("SELECT", "expected a property"),
    ("SELECT resourceId FROM x", "expected the end"), ("SELECT resourceId WHERE", "expected a property"),
    ("SELECT resourceId WHERE a", "expected IN"), ("SELECT resourceId WHERE a = b", "expected a value"),
    ("SELECT resourceId WHERE a != 'b'", "not understood"), ("SELECT resourceId WHERE a = 'b", "not understood"),
    ("SELECT resourceId WHERE (a = 'b'", "expected )"), ("SELECT resourceId WHERE a IN ()", "expected a value"),
    ("SELECT resourceId WHERE a IN (SELECT b)", "expected a value"), ("SELECT DISTINCT(a)", "no function"),
    ("SELECT a, COUNT(*)", "GROUP BY"), ("SELECT *, a", "alone"), ("SELECT a LIMIT 'x'", "whole number"),
    ("SELECT a LIMIT 1.5", "whole number"), ("SELECT a HAVING b", "expected the end"),
    ("SELECT a ORDER BY COUNT(*)", "has to be selected"), ("SELECT COUNT(*) ORDER BY a", "ordered by what is selected"),
    ("SELECT a WHERE a = 1 UNION SELECT b", "expected the end"), ("SELECT a WHERE " + "(" * 60, "nested too deeply"),
    ("SELECT a WHERE " + "NOT " * 60 + "a = 1", "nested too deeply"),
])  # fmt: skip
def test_everything_else_is_refused_with_the_place(text, said):
    with pytest.raises(Refused, match="The expression is not valid") as caught:
        sql.read(text)
    assert caught.value.code == "InvalidExpressionException"
    assert said in caught.value.message


@given(st.text(alphabet="SELECTWHRabc.,*()'=<>% 019NOT", max_size=60))
def test_any_text_is_read_or_refused(text):
    try:
        found = sql.read("SELECT " + text)
    except Refused as refused:
        found = refused.code
    assert found == "InvalidExpressionException" or isinstance(found, sql.Query)


@given(st.text(alphabet="ab", max_size=6), st.text(alphabet="ab%", max_size=6))
def test_like_is_what_a_pattern_means(value, pattern):
    """Against a definition that tries every split."""

    def matches(text, parts):
        if not parts:
            return not text
        if parts[0] == "%":
            return any(matches(text[skip:], parts[1:]) for skip in range(len(text) + 1))
        return text[:1] == parts[0] and matches(text[1:], parts[1:])

    found = sql.read(f"SELECT a WHERE a LIKE '{pattern}'").where({"a": value})
    assert found is matches(value, list(pattern))
