"""The credential report, with real last uses and the values that AWS writes where there is nothing to say.

References:
    "Generate credential reports for your AWS account", IAM User Guide, 2026-11: columns, `N/A`, `no_information`,
    `not_supported`, times with their offset.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

from amberlight.lab import clock, hooks
from amberlight.lab.uses.figures import Figures

ROOT = "<root_account>"


def install(figures: Figures, roots: Mapping[str, str]) -> None:
    """Fill the emulator's report; *roots* are the keys of root by account."""
    began = clock.now()

    def build() -> str:
        rows = list(csv.DictReader(io.StringIO(old())))
        for row in rows:
            keys = [roots.get(hooks.current_account(), "")] if row["user"] == ROOT else _keys(row["user"])
            if row["user"] == ROOT:
                row.update(user_creation_time=_time(began), password_last_used="no_information",
                           access_key_1_active="true", access_key_1_last_rotated=_time(began))  # fmt: skip
            else:
                row.update(_password(row["user"]))
            _fill(row, keys, figures)
            row.update({name: _offset(value) for name, value in row.items()})
        out = io.StringIO()
        writer = csv.DictWriter(out, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return out.getvalue().rstrip("\n")

    old = hooks.replace("services.iam", "_build_credential_report", build)


def _time(moment: float) -> str:
    return _offset(clock.iso(moment))


def _offset(text: str) -> str:
    """A time as the report writes it; anything else as it is."""
    return text[:-1] + "+00:00" if text[:2] == "20" and text.endswith("Z") else text


def _keys(user: str) -> list[str]:
    owned = [key for key in hooks.service("iam")._access_keys.values() if key["UserName"] == user]
    return [key["AccessKeyId"] for key in sorted(owned, key=lambda key: str(key.get("CreateDate", "")))]


def _password(user: str) -> dict[str, str]:
    iam = hooks.service("iam")
    profile = iam._login_profiles.get(user)
    if profile is None:
        return {"password_last_used": "N/A", "password_last_changed": "N/A", "password_next_rotation": "N/A"}
    used = (iam._users.get(user) or {}).get("PasswordLastUsed")
    return {"password_last_used": str(used or "no_information"), "password_next_rotation": "N/A",
            "password_last_changed": str(profile.get("CreateDate") or "N/A")}  # fmt: skip


def _fill(row: dict[str, Any], keys: list[str], figures: Figures) -> None:
    """Put real last uses into one row."""
    for number, key in enumerate(keys[:2], 1):
        use = figures.key(key)
        if use is not None:
            row[f"access_key_{number}_last_used_date"] = _time(use.time)
            row[f"access_key_{number}_last_used_region"] = use.region
            row[f"access_key_{number}_last_used_service"] = use.service
