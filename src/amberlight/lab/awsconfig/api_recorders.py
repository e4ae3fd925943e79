"""Operations on recorders and delivery channels.

References:
    PutConfigurationRecorder and its kin, PutDeliveryChannel and its kin, AWS Config API Reference, 2026-11: one customer managed
    recorder and one channel for each Region; a recorder starts only with a channel, and a channel goes only without one that runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from amberlight.lab import clock, hooks
from amberlight.lab.awsconfig.delivery import Delivery
from amberlight.lab.awsconfig.engine import Engine
from amberlight.lab.awsconfig.recorders import Channel, Recorder, Setting, check_role, recording_group
from amberlight.lab.awsconfig.serving import Operation
from amberlight.lab.awsconfig.tags import Tags
from amberlight.lab.own import Refused

_NAME = re.compile(r"[\w\-:.#/ ]{1,256}")


def operations(engine: Engine, delivery: Delivery, tags: Tags) -> Mapping[str, Operation]:
    """The operations of this file."""
    here: Callable[[], Setting] = lambda: engine.settings.of(hooks.current_account(), hooks.current_region())  # noqa: E731

    async def stop(asked: dict[str, Any]) -> None:
        # What changed before the call is recorded still.
        setting = here()
        _recorder(setting, asked["ConfigurationRecorderName"])
        await engine.settle()
        _stop(setting)

    def start(asked: dict[str, Any]) -> None:
        setting = here()
        _start(setting, asked["ConfigurationRecorderName"])
        engine.discover(setting)

    def regroup(asked: dict[str, Any]) -> None:
        setting = here()
        recorder = _put_recorder(setting, engine, asked["ConfigurationRecorder"])
        tags.begin(_arn(setting, recorder), asked.get("Tags"))
        if setting.running:
            engine.discover(setting)

    return {
        "PutConfigurationRecorder": regroup,
        "DescribeConfigurationRecorders": lambda asked: {"ConfigurationRecorders": _recorders(here(), asked, _put_form)},
        "DescribeConfigurationRecorderStatus": lambda asked: {
            "ConfigurationRecordersStatus": _recorders(here(), asked, _status_form)},
        "StartConfigurationRecorder": start,
        "StopConfigurationRecorder": stop,
        "DeleteConfigurationRecorder": lambda asked: tags.end(
            _delete_recorder(here(), asked["ConfigurationRecorderName"])),
        "PutDeliveryChannel": lambda asked: _put_channel(here(), delivery, asked["DeliveryChannel"]),
        "DescribeDeliveryChannels": lambda asked: {"DeliveryChannels": _channels(here(), asked, _channel_form)},
        "DescribeDeliveryChannelStatus": lambda asked: {
            "DeliveryChannelsStatus": _channels(here(), asked, _channel_status)},
        "DeleteDeliveryChannel": lambda asked: _delete_channel(here(), asked["DeliveryChannelName"]),
        "DeliverConfigSnapshot": lambda asked: _snapshot(here(), delivery, asked["deliveryChannelName"]),
    }  # fmt: skip


def _put_recorder(setting: Setting, engine: Engine, given: Mapping[str, Any]) -> Recorder:
    name = str(given.get("name") or "default")
    if not _NAME.fullmatch(name):
        raise Refused(
            "InvalidConfigurationRecorderNameException", f"The configuration recorder name '{name}' is not valid."
        )
    known = setting.recorder
    if known is not None and known.name != name:
        raise Refused(
            "MaxNumberOfConfigurationRecordersExceededException",
            f"Failed to put configuration recorder '{name}' because the maximum number of configuration recorders: 1 is reached.",
        )  # fmt: skip
    mode = given.get("recordingMode") or {}
    if mode.get("recordingFrequency", "CONTINUOUS") != "CONTINUOUS" or mode.get("recordingModeOverrides"):
        raise Refused("ValidationException", "The lab records continuously, not daily.")
    role, group = check_role(given.get("roleARN")), recording_group(given.get("recordingGroup"), engine.kinds)
    if known is None:
        known = setting.recorder = Recorder(name, role, group, status={"lastStatus": "PENDING"})
    known.role, known.group = role, group
    return known


def _recorder(setting: Setting, name: str) -> Recorder:
    if setting.recorder is None or setting.recorder.name != name:
        raise Refused(
            "NoSuchConfigurationRecorderException",
            f"Cannot find configuration recorder with the specified name '{name}'.",
        )
    return setting.recorder


def _recorders(
    setting: Setting, asked: Mapping[str, Any], form: Callable[[Setting, Recorder], dict[str, Any]]
) -> list[dict[str, Any]]:
    names, arn = asked.get("ConfigurationRecorderNames"), asked.get("Arn")
    if asked.get("ServicePrincipal") or (arn and (setting.recorder is None or arn != _arn(setting, setting.recorder))):
        raise Refused("NoSuchConfigurationRecorderException", "Cannot find such a configuration recorder.")
    if names:
        return [form(setting, _recorder(setting, name)) for name in names]
    return [form(setting, setting.recorder)] if setting.recorder else []


def _arn(setting: Setting, recorder: Recorder) -> str:
    place = f"{setting.region}:{setting.account}"
    return f"arn:aws:config:{place}:configuration-recorder/{recorder.name}/{recorder.ident}"


def _put_form(setting: Setting, recorder: Recorder) -> dict[str, Any]:
    return {
        "arn": _arn(setting, recorder), "name": recorder.name, "roleARN": recorder.role,
        "recordingGroup": recorder.group, "recordingScope": "PAID",
        "recordingMode": {"recordingFrequency": "CONTINUOUS", "recordingModeOverrides": []},
    }  # fmt: skip


def _status_form(setting: Setting, recorder: Recorder) -> dict[str, Any]:
    return {"arn": _arn(setting, recorder), "name": recorder.name, "recording": recorder.recording, **recorder.status}


def _start(setting: Setting, name: str) -> None:
    recorder = _recorder(setting, name)
    if setting.channel is None:
        raise Refused(
            "NoAvailableDeliveryChannelException", "Delivery channel is not available to start configuration recorder."
        )
    now = clock.now()
    recorder.recording = True
    recorder.status.update(lastStartTime=now, lastStatus="PENDING", lastStatusChangeTime=now)


def _stop(setting: Setting) -> None:
    if setting.recorder is not None:
        setting.recorder.recording = False
        setting.recorder.status.update(lastStopTime=clock.now())


def _delete_recorder(setting: Setting, name: str) -> str:
    """Delete a recorder; gives its ARN. What was recorded stays."""
    arn = _arn(setting, _recorder(setting, name))
    setting.recorder = None
    return arn


async def _put_channel(setting: Setting, delivery: Delivery, given: Mapping[str, Any]) -> None:
    name = str(given.get("name") or "default")
    if setting.recorder is None:
        raise Refused(
            "NoAvailableConfigurationRecorderException",
            "Configuration recorder is not available to put delivery channel.",
        )
    if not _NAME.fullmatch(name):
        raise Refused("InvalidDeliveryChannelNameException", f"The delivery channel name '{name}' is not valid.")
    if setting.channel is not None and setting.channel.name != name:
        raise Refused(
            "MaxNumberOfDeliveryChannelsExceededException",
            f"Failed to put delivery channel '{name}' because the maximum number of delivery channels: 1 is reached.",
        )
    wanted = Channel({**given, "name": name})
    await delivery.check(setting, wanted)
    if setting.channel is None:
        setting.channel = wanted
    else:
        setting.channel.given = wanted.given


def _channel(setting: Setting, name: str) -> Channel:
    if setting.channel is None or setting.channel.name != name:
        raise Refused("NoSuchDeliveryChannelException", f"Cannot find delivery channel with specified name '{name}'.")
    return setting.channel


def _channels(
    setting: Setting, asked: Mapping[str, Any], form: Callable[[Channel], dict[str, Any]]
) -> list[dict[str, Any]]:
    names = asked.get("DeliveryChannelNames")
    if names:
        return [form(_channel(setting, name)) for name in names]
    return [form(setting.channel)] if setting.channel else []


def _channel_form(channel: Channel) -> dict[str, Any]:
    return channel.given


def _channel_status(channel: Channel) -> dict[str, Any]:
    return {"name": channel.name, **channel.status}


def _delete_channel(setting: Setting, name: str) -> None:
    _channel(setting, name)
    if setting.running:
        raise Refused(
            "LastDeliveryChannelDeleteFailedException",
            f"Failed to delete last specified delivery channel with name '{name}', because there is a running "
            "configuration recorder.",
        )
    setting.channel = None


def _snapshot(setting: Setting, delivery: Delivery, name: str) -> dict[str, Any]:
    _channel(setting, name)
    if setting.recorder is None:
        raise Refused("NoAvailableConfigurationRecorderException", "There is no configuration recorder.")
    if not setting.running:
        raise Refused("NoRunningConfigurationRecorderException", "There is no configuration recorder running.")
    return {"configSnapshotId": delivery.snapshot(setting)}
