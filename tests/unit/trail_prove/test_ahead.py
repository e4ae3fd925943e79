"""Buckets are read ahead: the same proof in the same order, a bounded number of files at once, and errors as ever."""

import threading

import pytest
from make_trail import ACCOUNT, Trail
from test_command import Objects

from amberlight.model.codec import dumps
from amberlight.model.errors import CredentialsError
from amberlight.trail.prove import Bucket, prove
from amberlight.trail.prove.ahead import ahead


def threads():
    return [one for one in threading.enumerate() if one.name.startswith("trail-prove")]


class Counting(Objects):
    """Counts the bodies that are open at once; with `pairs`, the first of two is there only after the second."""

    def __init__(self, *args, pairs=False, **more):
        super().__init__(*args, **more)
        self.lock, self.open, self.most, self.asked = threading.Lock(), 0, 0, 0
        self.pairs, self.second = pairs, threading.Event()

    def stream(self, operation, **parameters):
        with self.lock:
            self.open, self.asked = self.open + 1, self.asked + 1
            self.most, number = max(self.most, self.open), self.asked
        try:
            if self.pairs and number == 1:
                assert self.second.wait(10)
            yield from super().stream(operation, **parameters)
        finally:
            self.second.set()
            with self.lock:
                self.open -= 1


@pytest.fixture
def damaged():
    """Two chains with something of everything wrong."""
    trail = Trail()
    trail.chain(hours=12)
    trail.chain(hours=12, name="other", region="eu-west-1")
    main, other = trail.chains[ACCOUNT, "us-east-1", "main"], trail.chains[ACCOUNT, "eu-west-1", "other"]
    trail.objects[main[2].logs[0]].body = b"{}"
    trail.objects[main[5].key].body += b"x"
    trail.objects[other[3].key].metadata = {}
    del trail.objects[other[7].key], trail.objects[main[8].logs[1]]
    return trail


def test_the_proof_is_the_same_whatever_is_read_at_once(damaged):
    door = Counting(damaged, live=damaged.keys)
    one = prove(Bucket(door, "b", workers=1))
    assert (one.exit_code, door.most, threads()) == (4, 1, [])
    for workers in (2, 8):
        door = Counting(damaged, live=damaged.keys, pairs=True)
        assert dumps(prove(Bucket(door, "b", workers=workers))) == dumps(one)
        # While the next digests' lists are read, so are the files of those before.
        assert 1 < door.most <= workers + min(workers, 4)
    assert threads() == []


def test_lost_credentials_end_it_and_nothing_goes_on():
    class Expiring(Counting):
        def stream(self, operation, **parameters):
            if self.asked > 15:
                raise CredentialsError("expired", "renew")
            yield from super().stream(operation, **parameters)

    trail = Trail()
    trail.chain(hours=20)
    door = Expiring(trail, live=trail.keys)
    with pytest.raises(CredentialsError, match="expired"):
        prove(Bucket(door, "b"))
    assert (threads(), door.open) == ([], 0)


def test_results_come_in_order_and_few_items_are_taken_ahead():
    taken, second = [], threading.Event()

    def work(number):
        if number == 0:
            assert second.wait(10)  # the first is ready only after the second
        second.set()
        return number

    def items():
        for number in range(100):
            taken.append(number)
            yield number

    results = ahead(work, items(), 4)
    for number in range(10):
        assert next(results) == number
        assert len(taken) <= number + 8
    results.close()
    assert (threads(), len(taken) <= 17) == ([], True)


def test_an_error_comes_in_its_place():
    results = ahead(lambda number: 1 // number, [2, 1, 0, 1], 3)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert threads() == []
