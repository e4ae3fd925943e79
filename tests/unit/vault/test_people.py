"""Two people's word: real keys, real ssh-keygen; one person is never two."""

import shutil
import subprocess

import pytest

from amberlight.model.errors import ApprovalMissing, ConfigError, NotPossible
from amberlight.vault.people import NAMESPACE, Signature, agreed

pytestmark = pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="no ssh-keygen")
STATEMENT = b'{"case":"c"}'


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    for name in ("ada", "leo", "eve"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", folder / name], check=True, timeout=20
        )
    return folder


def sign(keys, key, statement=STATEMENT, *, namespace=NAMESPACE, name=None):
    argv = ["ssh-keygen", "-Y", "sign", "-q", "-n", namespace, "-f", str(keys / key)]
    done = subprocess.run(argv, input=statement, capture_output=True, check=True, timeout=20)
    return Signature(name=name or f"{key}@lantern.example", armored=done.stdout)


def allowed(keys, **people):
    """Name to key; by default Ada and Leo."""
    people = people or {"ada": "ada", "leo": "leo"}
    lines = [
        f'{name}@lantern.example namespaces="{NAMESPACE}" {(keys / f"{key}.pub").read_text()}'
        for name, key in people.items()
    ]
    return "".join(lines).encode()


def test_two_people_agree(keys):
    people = agreed(STATEMENT, [sign(keys, "ada"), sign(keys, "leo")], allowed(keys))
    assert [each.name for each in people] == ["ada@lantern.example", "leo@lantern.example"]
    assert len({each.key for each in people}) == 2


@pytest.mark.parametrize("who", [[], ["ada"], ["ada", "ada"]])
def test_one_person_is_not_two(keys, who):
    with pytest.raises(ApprovalMissing, match="of 2 people"):
        agreed(STATEMENT, [sign(keys, each) for each in who], allowed(keys))


def test_two_names_with_one_key_are_one_person(keys):
    mallory = sign(keys, "ada", name="leo@lantern.example")
    with pytest.raises(ApprovalMissing, match="1 of 2"):
        agreed(STATEMENT, [sign(keys, "ada"), mallory], allowed(keys, ada="ada", leo="ada"))


def test_one_name_with_two_keys_is_one_person(keys):
    both = allowed(keys, ada="ada") + allowed(keys, ada="leo")
    pair = [sign(keys, "ada"), sign(keys, "leo", name="ada@lantern.example")]
    with pytest.raises(ApprovalMissing, match="1 of 2"):
        agreed(STATEMENT, pair, both)


@pytest.mark.parametrize(
    "second",
    [
        lambda keys: sign(keys, "eve"),  # not in the list
        lambda keys: sign(keys, "eve", name="leo@lantern.example"),  # somebody else's name
        lambda keys: sign(keys, "leo", b'{"case":"d"}'),  # another statement
        lambda keys: sign(keys, "leo", namespace="file"),  # given for another purpose
        lambda keys: Signature(name="leo@lantern.example", armored=b""),
    ],
    ids=["stranger", "borrowed name", "other statement", "other purpose", "nothing"],
)
def test_a_second_signature_that_is_not_good_does_not_count(keys, second):
    with pytest.raises(ApprovalMissing, match="not good"):
        agreed(STATEMENT, [sign(keys, "ada"), second(keys)], allowed(keys))


@pytest.mark.parametrize("name", ["-f/etc/passwd", "a b", "*", ""])
def test_a_name_that_is_an_option_or_a_pattern_is_refused(keys, name):
    with pytest.raises(ConfigError):
        agreed(STATEMENT, [Signature(name=name, armored=sign(keys, "ada").armored)], allowed(keys))


def test_without_ssh_keygen_nothing_is_agreed(keys):
    def run(*args, **kwargs):
        raise FileNotFoundError

    with pytest.raises(NotPossible):
        agreed(STATEMENT, [sign(keys, "ada")], allowed(keys), run=run)


def test_what_ssh_keygen_says_in_no_text_is_no_consent(keys):
    def run(*_, **__):
        return subprocess.CompletedProcess([], 0, stdout=b"Good \xff", stderr=b"")

    with pytest.raises(ApprovalMissing):
        agreed(STATEMENT, [sign(keys, "ada"), sign(keys, "leo")], allowed(keys), run=run)
