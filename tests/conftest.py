"""What every test has: few threads, a seed, no network. What some ask for: real data, a browser."""

import ipaddress
import os
import random
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when gradio is imported
os.environ.setdefault("MPLBACKEND", "Agg")

import numpy as np
import pytest
import torch

ROOT = Path(__file__).resolve().parents[1]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC_CHROME = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
PLAYWRIGHTS_OWN = (
    "from playwright.sync_api import sync_playwright\n"
    "with sync_playwright() as playwright: print(playwright.chromium.executable_path)"
)

# More threads than cores are slower, and another number of them rounds differently.
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
torch.set_num_threads(1 if "PYTEST_XDIST_WORKER" in os.environ else min(2, CORES))


@pytest.fixture(autouse=True)
def seeded() -> int:
    """The seed that every test starts from, so that none depends on the ones before it."""
    seed = 0
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    return seed


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real images and weights beside the repository."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real images and weights are not here (../shared/data)")
    return folder


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """A Chromium or Chrome for Playwright's ``executable_path``."""
    found = next(filter(None, map(shutil.which, (*BROWSERS, MAC_CHROME))), None) or playwrights_chromium()
    if found is None:
        pytest.skip("no Chromium or Chrome on this machine")
    return found


def playwrights_chromium() -> str | None:
    """The browser that Playwright downloaded, if it did; asked in a process of its own, as it runs a loop."""
    command = [sys.executable, "-c", PLAYWRIGHTS_OWN]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60)
    path = answer.stdout.strip()
    return path if answer.returncode == 0 and Path(path).is_file() else None


class OutsideCall(ConnectionRefusedError):
    """A test tried to leave this machine."""


@pytest.fixture(scope="session", autouse=True)
def network_guard() -> Iterator[list[str]]:
    """Refuses every look-up and connection that leaves this machine, and gives the list of those refused.

    For the whole session, because servers of wider fixtures live longer than one test.
    """
    refused: list[str] = []

    def check(host: object) -> None:
        if not is_here(host):
            refused.append(str(host))
            raise OutsideCall(f"tests stay on this machine, and this one called {host!r}")

    def guarded(connect):
        def call(self, address):
            if isinstance(address, tuple):  # otherwise it is the path of an AF_UNIX socket
                check(address[0])
            return connect(self, address)

        return call

    look_up = socket.getaddrinfo

    def guarded_look_up(host, *args, **kwargs):
        if not is_address(host):  # nobody is asked about a literal address
            check(host)
        return look_up(host, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded(socket.socket.connect))
        patch.setattr(socket.socket, "connect_ex", guarded(socket.socket.connect_ex))
        patch.setattr(socket, "getaddrinfo", guarded_look_up)
        yield refused


@pytest.fixture(autouse=True)
def outside_calls(network_guard: list[str]) -> Iterator[list[str]]:
    """Fails the test during which something reached outside, also where the refusal was swallowed."""
    yield network_guard
    hosts = sorted(set(network_guard))
    network_guard.clear()
    if hosts:
        pytest.fail(f"reached outside this machine: {', '.join(hosts)}", pytrace=False)


def is_here(host: object) -> bool:
    """Whether ``host`` is this machine: a loopback or unspecified address, its name, or no name at all."""
    if isinstance(host, bytes):
        host = host.decode()
    if not isinstance(host, str) or host in ("", "localhost", socket.gethostname()):
        return True
    if not is_address(host):
        return False
    address = ipaddress.ip_address(host)
    return address.is_loopback or address.is_unspecified


def is_address(host: object) -> bool:
    """Whether ``host`` is a literal IP address."""
    if not isinstance(host, str):
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
