"""Addresses, ports, and what is said where Reverb is not installed."""

import socket
import sys

import pytest

from efficient_hrl.errors import UsageError
from efficient_hrl.remote import transport
from efficient_hrl.remote.transport import Address, Server, load_reverb, parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [("127.0.0.1:7070", ("127.0.0.1", 7070)), ("a.b:1", ("a.b", 1)), ("[::1]:65535", ("[::1]", 65535))],
)
def test_an_address_is_a_host_and_a_port(text, address):
    assert parse_address("listen", text) == address
    assert str(parse_address("listen", text)) == text


@pytest.mark.parametrize(
    "text", ["", "7070", ":7070", "a:", "a:0", "a:65536", "a:-1", "a:b", "a:7.0", "a:\u0661"]
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
