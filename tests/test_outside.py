"""The suite's own guard: no test reaches another machine."""

import socket

import pytest


@pytest.mark.parametrize("reach_out", [socket.socket.connect, socket.socket.connect_ex])
def test_a_connection_to_the_outside_is_refused_and_noted(reach_out, outside_calls):
    with socket.socket() as sock, pytest.raises(ConnectionRefusedError, match="stay on this machine"):
        getattr(sock, reach_out.__name__)(("192.0.2.1", 80))  # RFC 5737: an address that is nobody's
    assert outside_calls == ["192.0.2.1"]
    outside_calls.clear()


def test_a_look_up_of_an_outside_name_is_refused_and_noted(outside_calls):
    with pytest.raises(ConnectionRefusedError, match="stay on this machine"):
        socket.create_connection(("nowhere.invalid", 80), timeout=1)
    assert outside_calls == ["nowhere.invalid"]
    outside_calls.clear()


def test_a_connection_to_this_machine_is_allowed():
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(("localhost", server.getsockname()[1]), timeout=5).close()
