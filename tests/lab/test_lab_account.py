"""Alternate contacts: set, read and deleted by the account, and by the management account for its members."""

import pytest
from lab_tools import client, refused

pytestmark = pytest.mark.lab
CONTACT = {"Name": "On call", "Title": "Security", "EmailAddress": "soc@example.com", "PhoneNumber": "+1 555 0100"}


@pytest.mark.proves("account.GetAlternateContact", "account.PutAlternateContact", "account.DeleteAlternateContact")
def test_an_account_keeps_its_contacts(aws):
    account = aws("account")
    assert refused(account.get_alternate_contact, AlternateContactType="SECURITY") == "ResourceNotFoundException"
    account.put_alternate_contact(AlternateContactType="SECURITY", **CONTACT)
    found = account.get_alternate_contact(AlternateContactType="SECURITY")["AlternateContact"]
    assert found == {"AlternateContactType": "SECURITY", **CONTACT}
    assert refused(account.get_alternate_contact, AlternateContactType="BILLING") == "ResourceNotFoundException"
    account.delete_alternate_contact(AlternateContactType="SECURITY")
    assert refused(account.delete_alternate_contact, AlternateContactType="SECURITY") == "ResourceNotFoundException"


def test_only_the_management_account_names_another(lab, aws, prod, vault):
    management = client(lab, "account", lab.accounts["security"].admin)
    named = {"AlternateContactType": "OPERATIONS", "AccountId": vault.id}
    management.put_alternate_contact(**named, **CONTACT)
    own = client(lab, "account", vault.admin)
    assert own.get_alternate_contact(AlternateContactType="OPERATIONS")["AlternateContact"]["Name"] == "On call"
    assert refused(aws("account").get_alternate_contact, **named) == "AccessDeniedException"
    assert refused(aws("account").put_alternate_contact, **{**named, "AccountId": prod.id}, **CONTACT) == (
        "AccessDeniedException"
    )
    assert refused(management.get_alternate_contact, **{**named, "AccountId": lab.accounts["security"].id}) == (
        "ValidationException"
    )


def test_a_contact_has_every_part(aws):
    wrong = {**CONTACT, "EmailAddress": "x" * 300}
    assert refused(aws("account").put_alternate_contact, AlternateContactType="BILLING", **wrong) == (
        "ValidationException"
    )
