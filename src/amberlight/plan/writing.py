"""A `ResponsePlan` as YAML text that people edit."""

from __future__ import annotations

from io import StringIO

from amberlight.model.codec import to_builtins
from amberlight.model.response_plan import ResponsePlan

HEAD = "# The incident response plan of {organisation}, as data. Check it with: amberlight plan check FILE\n"


def dump(plan: ResponsePlan) -> str:
    """The plan as YAML, in the order of the schema."""
    from ruamel.yaml import YAML

    writer = YAML()
    writer.default_flow_style = False
    writer.width = 110
    text = StringIO()
    writer.dump(to_builtins(plan), text)
    return HEAD.format(organisation=" ".join(plan.organisation.split())) + text.getvalue()
