"""Signing in to the console: only the right password, and the trail says who tried."""

import json
import urllib.error
import urllib.parse
import urllib.request

import pytest
from lab_tools import eventually, lookup, refused, unique

pytestmark = pytest.mark.lab


@pytest.fixture
def user(aws):
    name = unique("person")
    aws("iam").create_user(UserName=name)
    aws("iam").create_login_profile(UserName=name, Password="Right!Password1")
    return name


def sign_in(lab, host="", **form):
    """What the page answers to a form."""
    path = "/authenticate" if host else "/_signin/authenticate"
    request = urllib.request.Request(  # noqa: S310
        lab.endpoint + path, urllib.parse.urlencode({"action": "iam-user-authentication", **form}).encode(),
        {"User-Agent": "a browser", **({"Host": host} if host else {})},
    )  # fmt: skip
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        return json.load(answer)["properties"]["result"]


def tried(aws, name):
    """The last sign-in under a name."""
    return eventually(lambda: [r for r in lookup(aws("cloudtrail"), EventName="ConsoleLogin")
                               if r["userIdentity"]["userName"] == name])[0]  # fmt: skip


@pytest.mark.proves("iam.CreateLoginProfile")
def test_the_right_password_signs_in(lab, prod, aws, user):
    form = {"account": prod.id, "username": user, "password": "Right!Password1"}
    assert sign_in(lab, "signin.aws.amazon.com", **form) == "SUCCESS"
    record = tried(aws, user)
    assert record["responseElements"] == {"ConsoleLogin": "Success"}
    assert record["additionalEventData"]["MFAUsed"] == "No"
    assert (record["awsRegion"], record["eventType"]) == ("us-east-1", "AwsConsoleSignIn")
    assert (record["userAgent"], record["sourceIPAddress"]) == ("a browser", "127.0.0.1")
    assert record["tlsDetails"]["clientProvidedHostHeader"] == "signin.aws.amazon.com"
    assert "Right!Password1" not in json.dumps(record)


def test_a_wrong_password_is_in_the_trail_as_failure(lab, prod, aws, user):
    assert sign_in(lab, account=prod.id, username=user, password="Wrong!Password1") == "FAILURE"
    record = tried(aws, user)
    assert record["responseElements"] == {"ConsoleLogin": "Failure"}
    assert record["errorMessage"] == "Failed authentication"
    assert "arn" not in record["userIdentity"]


def test_the_name_of_a_user_that_there_is_not_is_hidden(lab, prod, aws):
    typed = "a-password-in-the-wrong-field"
    assert sign_in(lab, account=prod.id, username=typed, password="x") == "FAILURE"
    tried(aws, "HIDDEN_DUE_TO_SECURITY_REASONS")
    assert typed not in json.dumps(lookup(aws("cloudtrail"), EventName="ConsoleLogin"))


def test_a_password_is_changed_and_taken_away(lab, prod, aws, user):
    iam, form = aws("iam"), {"account": prod.id, "username": user}
    assert refused(iam.delete_login_profile, UserName=user) == "EntityTemporarilyUnmodifiable"

    def change():
        try:
            return iam.update_login_profile(UserName=user, Password="Other!Password1")
        except iam.exceptions.EntityTemporarilyUnmodifiableException:
            return None

    eventually(change)
    assert sign_in(lab, password="Right!Password1", **form) == "FAILURE"
    assert sign_in(lab, password="Other!Password1", **form) == "SUCCESS"
    iam.delete_login_profile(UserName=user)
    assert sign_in(lab, password="Other!Password1", **form) == "FAILURE"


def test_a_second_factor_is_asked_for(lab, prod, aws, user):
    iam = aws("iam")
    serial = iam.create_virtual_mfa_device(VirtualMFADeviceName=user)["VirtualMFADevice"]["SerialNumber"]
    iam.enable_mfa_device(
        UserName=user, SerialNumber=serial, AuthenticationCode1="123456", AuthenticationCode2="654321"
    )
    assert sign_in(lab, account=prod.id, username=user, password="Right!Password1") == "MFA"


def test_the_page_is_for_users_of_the_labs_accounts(lab):
    with pytest.raises(urllib.error.HTTPError) as caught:
        sign_in(lab, account="000000000000", username="x", password="y")
    with caught.value as answer:
        assert answer.code == 400
