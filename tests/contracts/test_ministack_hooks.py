"""Every private name of the emulator that the lab uses is there, with the shape that the lab expects.

When the pinned version changes, this is the list to go through.
"""

import ast
import importlib
import inspect
import re
from importlib.metadata import version
from pathlib import Path

import pytest

import amberlight.lab
from amberlight.lab import hooks

LAB = Path(amberlight.lab.__file__).parent
REPLACED = {
    "core.iam_evaluator.is_root_access_key": ["access_key_id"],
    "core.iam_evaluator.find_iam_access_key_account": ["access_key_id"],
    "core.iam_evaluator.resolve_credential": ["access_key_id", "account_id", "session_token"],
    "core.iam_evaluator.resolve_principal": ["access_key_id", "account_id", "credential"],
    "core.iam_evaluator.enforce": [
        "access_key_id", "iam_action", "service", "region", "resource_arn", "service_context",
    ],
    "core.iam_evaluator.evaluate": ["ctx", "policies", "limits"],
    "core.iam_evaluator.combine_resource_policy": [
        "identity", "ctx", "policy", "owner_account", "required", "limits",
    ],
    "core.iam_evaluator._principal_org_id": ["account_id"],
    "core.iam_evaluator._resolve_condition_key": ["key", "ctx"],
    "core.iam_evaluator._principal_matches": ["principal", "caller_arn"],
    "core.iam_actions.access_denied_response": [
        "service", "action", "principal_arn", "request_id", "error_code", "message", "headers", "resource_arn",
        "explicit_deny", "resource_policy_arn",
    ],
    "core.iam_actions.extract_resource_arn": [
        "service", "method", "path", "headers", "body", "query_params", "region", "account_id",
    ],
    "core.iam_actions.s3_service_context": ["iam_action", "query_params", "path", "headers"],
    "services.s3.bucket_policy_for_arn": ["resource_arn"],
    "services.s3._foreign_bucket_allows": [
        "owner_account", "bucket_name", "key", "method", "query_params", "caller", "headers",
    ],
    "core.responses.new_uuid": [],
    "core.iam_actions._kms_key_id_from_ciphertext": ["ciphertext_b64"],
    "services.kms._decrypt": ["data"],
    "services.s3._record_object_version": ["bucket_name", "key", "prior_obj", "obj", "data"],
    "services.s3._apply_object_lock_from_headers": ["bucket_name", "key", "headers", "version_id"],
    "services.s3._put_object_retention": ["bucket_name", "key", "body", "headers", "query_params"],
    "services.s3._put_object_legal_hold": ["bucket_name", "key", "body", "query_params"],
    "services.s3._put_bucket_logging": ["name", "body"],
    "services.s3._put_bucket_versioning": ["name", "body"],
    "services.s3._put_object": ["bucket_name", "key", "body", "headers"],
    "services.s3._complete_multipart_upload": ["bucket_name", "key", "body", "query_params", "headers"],
    "services.s3._upload_part": ["bucket_name", "key", "body", "query_params", "headers"],
    "services.kms._resolve_key": ["key_id_or_arn"],
    "services.kms.key_policy_for_arn": ["resource_arn"],
    "services.organizations._ensure_org": [],
    "services.ec2._init_defaults": [],
    "services.ec2._launch_instances_internal": [
        "image_id", "instance_type", "subnet_id", "count", "key_name", "user_data", "sg_ids", "requested_private_ip",
        "iam_profile",
    ],
    "services.ec2._run_instances": ["p"],
    "services.ec2._stop_instances": ["p"],
    "services.ec2._start_instances": ["p"],
    "services.ec2._reboot_instances": ["p"],
    "services.ec2._terminate_instances": ["p"],
    "services.ec2._describe_instance_attribute": ["p"],
    "services.ec2._describe_network_interfaces": ["p"],
    "services.ec2._matches_filters": ["inst", "filters"],
    "services.ec2._instance_xml": ["inst"],
    "services.ec2._describe_regions": ["p"],
    "services.ec2.handle_request": ["method", "path", "headers", "body", "query_params"],
    "services.ec2._any_image_registered": [],
    "services.ec2._register_image": ["p"],
    "services.ec2._describe_images": ["p"],
    "services.ec2._image_bdm_xml": ["view"],
    "services.ec2._deregister_image": ["p"],
    "services.ec2._modify_image_attribute": ["p"],
    "services.ec2._volume_inner_xml": ["vol"],
    "services.ec2._create_volume": ["p"],
    "services.ec2._attach_volume": ["p"],
    "services.ec2._detach_volume": ["p"],
    "services.ec2._modify_volume": ["p"],
    "services.ec2._create_snapshot": ["p"],
    "services.ec2._describe_snapshots": ["p"],
    "services.ec2._copy_snapshot": ["p"],
    "services.ec2._delete_snapshot": ["p"],
    "services.ec2._modify_snapshot_attribute": ["p"],
    "services.ec2._describe_snapshot_attribute": ["p"],
    "services.ec2.instance_is_managed": ["instance_id"],
    "services.config.handle_request": ["method", "path", "headers", "body", "query_params"],
    "services.budgets._validate_budget_shape": ["budget"],
    "services.budgets._validate_subscribers": ["subscribers", "max_count"],
    "services.cloudtrail._visible_trail_items": ["include_shadow_trails"],
    "services.cloudtrail._find_visible_trail": ["raw"],
    "services.cloudtrail._find_mutable_trail": ["raw"],
    "services.eventbridge._dispatch_event": ["event", "view"],
    "services.ssm._put_parameter": ["data"],
    "services.cloudwatch._evaluate_alarm": ["alarm"],
    "services.cloudwatch._put_metric_alarm": ["params", "cbor_data", "is_cbor", "is_json"],
    "services.cloudwatch_logs._compile_filter_pattern": ["raw"],
    "services.cloudwatch_logs._fanout_to_subscription_filters": ["group_name", "stream_name", "events"],
    "services.cloudwatch_logs._filter_log_events": ["data"],
    "services.cloudwatch_logs._put_metric_filter": ["data"],
    "services.cloudwatch_logs._put_subscription_filter": ["data"],
    "services.cloudwatch_logs._subscription_pattern_matches": ["pattern", "message"],
    "services.iam._create_login_profile": ["p"],
    "services.iam._update_login_profile": ["p"],
    "services.iam._delete_login_profile": ["p"],
    "services.lambda_svc._update_config": ["name", "data"],
    "services.iam._get_role": ["p"],
    "services.iam._get_account_authorization_details": ["p"],
    "services.iam._build_credential_report": [],
}  # fmt: skip
TABLES = {
    "services.cloudtrail._DISPATCH": {"CreateTrail", "GetTrailStatus", "LookupEvents", "StopLogging"},
    "services.iam._IAM_HANDLERS": {
        "GetAccessKeyLastUsed",
        "GenerateServiceLastAccessedDetails",
        "GetRole",
        "ListUsers",
    },
    "services.ec2._ACTION_MAP": {"RunInstances", "DescribeSnapshots", "DescribeRegions"},
}


def find(name):
    module, attribute = name.rsplit(".", 1)
    return getattr(importlib.import_module("ministack." + module), attribute)


def test_the_version_is_the_pinned_one():
    assert version("ministack") == "1.5.33"


@pytest.mark.parametrize("name,parameters", REPLACED.items(), ids=REPLACED)
def test_a_replaced_function_has_its_known_parameters(name, parameters):
    assert list(inspect.signature(find(name)).parameters) == parameters


@pytest.mark.parametrize("name,actions", TABLES.items(), ids=TABLES)
def test_a_table_of_actions_has_its_known_entries(name, actions):
    assert actions <= set(find(name))


def calls_of(function):
    for path in sorted(LAB.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(function):
                yield path, node


def test_every_replacement_in_the_code_is_listed_here():
    made = set()
    for _, call in calls_of("hooks.replace"):
        module, attribute = call.args[:2]
        if isinstance(attribute, ast.Constant):
            made.add(f"{ast.literal_eval(module)}.{attribute.value}")
    looped = {
        name
        for name in REPLACED
        if re.search(r"ec2\._(stop|reboot)_instances|snapshot|organizations\.\w+_policy", name)
    }
    assert made == set(REPLACED) - looped


def test_every_private_name_that_the_code_reads_exists():
    missing = []
    for path in sorted(LAB.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        aliases = dict(re.findall(r'(\w+) = hooks\.(?:service|emulator)\("([\w.]+)"\)', text))
        uses = re.findall(r'hooks\.(?:service|emulator)\("([\w.]+)"\)\.(\w+)', text)
        uses += [(aliases[a], n) for a, n in re.findall(r"\b(\w+)\.(_\w+)", text) if a in aliases]
        for module, name in uses:
            full = module if module.startswith("core.") or module == "app" else f"services.{module}"
            if not hasattr(importlib.import_module("ministack." + full), name):
                missing.append(f"{path.name}: {full}.{name}")
    assert missing == []


def test_only_one_module_imports_the_emulator():
    guilty = [
        path.name
        for path in sorted(LAB.rglob("*.py"))
        if re.search(
            r"^\s*(import|from) ministack|import_module\(f?.ministack", path.read_text(encoding="utf-8"), re.MULTILINE
        )
    ]
    assert guilty == ["hooks.py"]


def test_scoped_stores_are_as_the_lab_reads_them():
    responses = hooks.emulator("core.responses")
    store = responses.AccountRegionScopedDict()
    with hooks.acting_for("111111111111", "eu-west-1"):
        store["a"] = 1
    assert list(store.all_items()) == [(("111111111111", "eu-west-1", "a"), 1)]
    assert store.get_scoped("111111111111", "eu-west-1", "a") == 1
    assert "a" not in store
