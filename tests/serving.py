"""A page that is served while a test module runs."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gradio as gr
import pytest

from msresnet.ui import launch_options

ROOT = Path(__file__).resolve().parents[1]


@contextmanager
def served(page: gr.Blocks, **options: object) -> Iterator[str]:
    """The page's address on this machine, as long as the context lasts."""
    port = free_port()
    _, address, _ = page.launch(
        prevent_thread_lock=True,
        server_name="127.0.0.1",
        server_port=port,
        quiet=True,
        **launch_options(),
        **options,
    )
    try:
        yield address.rstrip("/")
    finally:
        page.close(verbose=False)


@contextmanager
def started(command: list[str], environment: dict[str, str] | None = None) -> Iterator[str]:
    """The address of a page that a command of its own serves, as long as the context lasts."""
    port = free_port()
    settings = {"GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": str(port)}
    settings["PYTHONUNBUFFERED"] = "1"
    process = subprocess.Popen(
        command, cwd=ROOT, env={**(environment or os.environ), **settings}, stdout=subprocess.PIPE, text=True
    )
    try:
        if not any("Running on local URL" in line for line in process.stdout):
            pytest.fail(f"the page ended with exit code {process.wait()}")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)
        process.stdout.close()


def free_port() -> int:
    """A port that nobody listens on; Gradio takes no port 0."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]
