"""CloudTrail records less than before.

A trail still runs, and records less than before: selectors that leave out writes or management events, one Region instead
of all, no digests, another bucket.
"""

from __future__ import annotations

from typing import Any

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, members, shown
from amberlight.trail import Event


def match(found: Event) -> Match | None:
    """Selectors without management events or writes; trail settings turned off."""
    asked = found.request
    name = shown(asked.get("trailName") or asked.get("name") or "a trail")
    if found.name == "UpdateTrail":
        return weaker(asked, name)
    for selector in members(asked, "eventSelectors"):
        left_out = isinstance(selector, dict) and (
            selector.get("includeManagementEvents") is False or selector.get("readWriteType") == "ReadOnly"
        )
        if left_out:
            return Match(reason=f"event selectors of {name} leave out management or write events")
    return advanced(members(asked, "advancedEventSelectors"), name)


def advanced(selectors: list[Any], name: str) -> Match | None:
    """Advanced selectors of which none takes all management events."""
    if not selectors:
        return None
    for selector in selectors:
        fields = {
            one.get("field"): one.get("equals") for one in members(selector, "fieldSelectors") if isinstance(one, dict)
        }
        if fields.get("eventCategory") == ["Management"] and fields.get("readOnly") != ["true"]:
            return None
    return Match(reason=f"advanced event selectors of {name} leave out management or write events")


def weaker(asked: dict[str, Any], name: str) -> Match | None:
    """Settings of a trail that make it see or prove less."""
    off = [key for key in WATCHED if asked.get(key) is False]
    if off:
        return Match(reason=f"{name}: turned off {', '.join(off)}")
    if asked.get("s3BucketName"):
        return Match(reason=f"{name} delivers to another bucket: {shown(asked['s3BucketName'])}", points=40)
    return None


WATCHED = ("isMultiRegionTrail", "includeGlobalServiceEvents", "enableLogFileValidation")


RULE = Rule(
    id="logging_narrowed",
    title="CloudTrail records less than before",
    tactic="defense-evasion",
    techniques=("T1562.008",),
    points=70,
    severity="high",
    false_triggers="somebody saves money on data events; a trail is moved in a planned change",
    references=(
        "https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_PutEventSelectors.html",
        "https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_UpdateTrail.html",
    ),
    events=(
        "cloudtrail:PutEventSelectors",
        "cloudtrail:UpdateTrail",
    ),
    on_event=match,
    examples=(
        event(
            "cloudtrail:PutEventSelectors",
            {"advancedEventSelectors": [{"fieldSelectors": [{"field": "eventCategory", "equals": ["Data"]}]}]},
        ),
        event("cloudtrail:PutEventSelectors", {"trailName": "main", "eventSelectors": [{"readWriteType": "ReadOnly"}]}),
        event("cloudtrail:UpdateTrail", {"name": "main", "isMultiRegionTrail": False}),
    ),
    near_misses=(
        event(
            "cloudtrail:PutEventSelectors",
            {"trailName": "main", "eventSelectors": [{"readWriteType": "All", "includeManagementEvents": True}]},
        ),
        event("cloudtrail:UpdateTrail", {"name": "main", "isMultiRegionTrail": True}),
    ),
)
