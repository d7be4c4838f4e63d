"""Addresses, ports, and what is said where Reverb is not installed."""

import socket
import sys
import threading
import time

import numpy as np
import pytest
import tensorflow as tf

from efficient_hrl.errors import UsageError
from efficient_hrl.remote import transport
from efficient_hrl.remote.transport import (
    Address,
    LearnerLostError,
    Link,
    Server,
    load_reverb,
    parse_address,
)


@pytest.mark.parametrize(
    ("text", "address"),
    [("127.0.0.1:7070", ("127.0.0.1", 7070)), ("a.b:1", ("a.b", 1)), ("[::1]:65535", ("[::1]", 65535))],
)
def test_an_address_is_a_host_and_a_port(text, address):
    assert parse_address("listen", text) == address
    assert str(parse_address("listen", text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7070",
        ":7070",
        "a:",
        "a:0",
        "a:65536",
        "a:-1",
        "a:b",
        "a:7.0",
        "a:\u0661",
        "::1:7070",
        "[]:1",
        "[a]b:1",
    ],
)
def test_another_text_is_refused(text):
    with pytest.raises(UsageError, match=r"^--learner=.*: allowed: HOST:PORT, e.g. 127.0.0.1:7070$"):
        parse_address("learner", text)


@pytest.mark.parametrize("flag", ["listen", "collectors", "learner"])
def test_without_reverb_it_is_said_what_to_install(flag, monkeypatch):
    monkeypatch.setitem(sys.modules, "reverb", None)
    with pytest.raises(
        UsageError, match=f"^--{flag}: Reverb is not installed; pip install -r requirements.txt -r"
    ):
        load_reverb(flag)


def test_a_port_that_is_taken_is_refused_in_one_line(monkeypatch):
    pytest.importorskip("reverb", reason="requirements-scale.txt is not installed")
    monkeypatch.setattr(transport, "_ASK_SECONDS", 0.3)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"^--listen=127.0.0.1:{port}: "):
            Server(Address("127.0.0.1", port), [], {}, 2)


def test_a_port_that_is_taken_after_it_was_asked_for_is_refused_in_one_line(monkeypatch):
    pytest.importorskip("reverb", reason="requirements-scale.txt is not installed")
    monkeypatch.setattr(transport, "_check_is_free", lambda address: None)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"^--listen=127.0.0.1:{port}: .*gRPC"):
            Server(Address("127.0.0.1", port), [], {}, 2)


@pytest.fixture
def server():
    """One whose host this machine does not have, as behind NAT or in a container; its queue holds one."""
    pytest.importorskip("reverb", reason="requirements-scale.txt is not installed")
    server = Server(Address("203.0.113.7", 0), [tf.Variable([1.0, 2.0])], {"seed": 3}, 1)
    yield server
    server.close()


@pytest.fixture
def link(server):
    link = Link(Address("localhost", server.address.port))
    yield link
    link.close()


def test_what_a_learner_gives_and_a_collector_finds(server, link):
    assert server.address.host == "203.0.113.7"
    with pytest.raises(LearnerLostError):  # there are no weights yet
        link.connect(lambda: False)
    server.publish(7, displaced=11)
    assert link.connect(lambda: False) == {"seed": 3} and link.token == server.token
    weights = [tf.Variable([0.0, 0.0])]
    assert link.pull(weights) == (7, 11)
    np.testing.assert_array_equal(weights[0], [1.0, 2.0])


def test_another_process_of_the_learner_is_noticed_though_reverb_connects_to_it_by_itself(server, link):
    server.publish(7)
    link.connect(lambda: False)
    link.token = server.token + 1  # as of the one before it
    weights = [tf.Variable([0.0, 0.0])]
    with pytest.raises(LearnerLostError):
        link.pull(weights)
    np.testing.assert_array_equal(weights[0], [0.0, 0.0])


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6")
def test_a_learner_is_found_at_an_address_of_ipv6(server):
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            pytest.skip("no IPv6")
    server.publish(7)
    found = Link(parse_address("learner", f"[::1]:{server.address.port}"))
    assert found.connect(lambda: False) == {"seed": 3}
    found.close()


def test_a_wish_to_stop_ends_the_wait_for_room_in_the_queue(server, link, monkeypatch):
    monkeypatch.setattr(transport, "_TURN_MS", 100)
    server.publish(7)
    link.connect(lambda: False)
    data = np.arange(9, dtype=np.uint8)
    stops = time.monotonic() + 1.0
    sent = 0
    while link.send(data + np.uint8(sent), lambda: time.monotonic() >= stops):
        sent += 1
    assert 1 <= sent <= 3 and 1.0 <= time.monotonic() - stops + 1.0 < 10.0
    np.testing.assert_array_equal(server.next_block()[:9], data)


def test_a_call_that_does_not_come_back_is_given_up(monkeypatch):
    monkeypatch.setattr(transport, "_ASK_SECONDS", 0.1)
    link, goes_on = Link(Address("localhost", 1)), threading.Event()
    assert link._in_time(lambda: 5) == 5 and not link.is_stuck
    with pytest.raises(LearnerLostError):
        link._in_time(goes_on.wait)
    goes_on.set()
    assert link.is_stuck
