"""Records of the vault stay as they were made."""

import dataclasses
import importlib
import pkgutil

import pytest

from amberlight import vault
from amberlight.vault.checking import CaseChecker
from amberlight.vault.multipart import Upload
from amberlight.vault.notes import Note
from amberlight.vault.store import Hashes

GROWING = {CaseChecker, Upload, Note, Hashes}


def test_no_record_can_be_changed_but_those_that_grow():
    modules = [
        importlib.import_module(f"amberlight.vault.{each.name}") for each in pkgutil.iter_modules(vault.__path__)
    ]
    kinds = {each for module in modules for each in vars(module).values()
             if dataclasses.is_dataclass(each) and each.__module__ == module.__name__}  # fmt: skip
    assert kinds > GROWING
    for kind in kinds - GROWING:
        made = object.__new__(kind)
        for each in dataclasses.fields(kind):
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(made, each.name, None)


def test_what_the_package_offers_is_there_and_nothing_else():
    assert {"S3Store", "FolderStore", "Ledger", "KmsSigner", "LocalSigner", "Store", "Signer"} == set(vault.__all__)
    for name in vault.__all__:
        assert getattr(vault, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        getattr(vault, "Nothing")  # noqa: B009 - a name that no type checker knows
