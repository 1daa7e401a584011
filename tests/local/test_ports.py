import socket

import pytest

from migrator.local import ports
from migrator.local.folder import Refused


def test_a_given_port_that_is_taken_is_refused():
    with ports.listen("127.0.0.1", 0) as other, pytest.raises(Refused, match="taken by another program") as caught:
        ports.listen("127.0.0.1", other.getsockname()[1])

    assert caught.value.exit_code == 2


def test_a_default_port_that_is_taken_gives_the_next_free_one(monkeypatch):
    with ports.listen("127.0.0.1", 0) as other:
        taken = other.getsockname()[1]
        monkeypatch.setattr(ports, "DEFAULT_PORT", taken)

        with ports.listen("127.0.0.1", None) as listener:
            assert taken < listener.getsockname()[1] < taken + 100


def test_an_address_of_another_machine_is_refused():
    with pytest.raises(Refused, match="not an address of this machine"):
        ports.listen("192.0.2.1", 0)


def test_what_is_no_address_is_refused():
    with pytest.raises(Refused, match="not an address of this machine"):
        ports.listen("no such address", 0)


def test_every_address_is_opened_as_loopback():
    with ports.listen("0.0.0.0", 0) as listener:
        assert ports.url_of(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}/"


@pytest.mark.skipif(not socket.has_ipv6, reason="this system has no IPv6")
def test_an_ipv6_address_stands_in_brackets():
    with ports.listen("::1", 0) as listener:
        assert ports.url_of(listener) == f"http://[::1]:{listener.getsockname()[1]}/"
