"""ENCRYPTED_VOLUMES: volumes that are attached are encrypted, with the key `kmsId` where that is given."""

from __future__ import annotations

from amberlight.lab.awsconfig.item import Item
from amberlight.lab.awsconfig.rules.verdict import Managed, Parameters


def _judge(item: Item, parameters: Parameters) -> tuple[bool | None, str | None]:
    volume, wanted = item.reading.configuration, parameters.get("kmsId")
    if not volume.get("attachments"):
        return None, None
    if not volume.get("encrypted"):
        return False, "The volume is not encrypted."
    key = str(volume.get("kmsKeyId", ""))
    return not wanted or wanted in (key, key.rsplit("/", 1)[-1]), "The volume is encrypted with another key."


RULE = Managed(
    identifier="ENCRYPTED_VOLUMES", types=("AWS::EC2::Volume",), parameters=("kmsId",), judge=_judge
)  # fmt: skip
