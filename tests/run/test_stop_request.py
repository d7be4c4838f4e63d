"""Signals as a wish, and what a second one does."""

import os
import signal

import pytest

from efficient_hrl.run.stop_request import StopRequest


def send(number):
    os.kill(os.getpid(), number)


@pytest.fixture
def handled():
    """Handlers from before note what reaches them."""
    seen = []
    before = {}
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        before[number] = signal.signal(number, lambda number, frame: seen.append(number))
    yield seen
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_is_a_wish_and_handlers_come_back(number, handled):
    with StopRequest() as stop:
        assert not stop and stop.name == ""
        send(number)
        assert stop and stop.name == number.name
    assert handled == []
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        send(each)
    assert handled == [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def test_a_terminal_that_is_closed_sends_sighup_twice(handled):
    with StopRequest() as stop:
        send(signal.SIGHUP)
        send(signal.SIGHUP)
        assert stop.name == "SIGHUP" and handled == []


def test_a_second_signal_of_another_kind_acts_as_ever_and_a_closed_terminal_does_not(handled):
    with StopRequest() as stop:
        send(signal.SIGINT)
        send(signal.SIGHUP)
        assert stop.name == "SIGINT" and handled == []
        send(signal.SIGTERM)
        send(signal.SIGINT)
        assert stop.name == "SIGINT" and handled == [signal.SIGTERM, signal.SIGINT]


def test_a_run_that_is_to_outlive_its_terminal_is_not_asked(handled):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with StopRequest() as stop:
        send(signal.SIGHUP)
        assert not stop
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
