"""A page that is served while a test module runs."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import gradio as gr
import pytest

from msresnet.ui import launch_options

# Gradio 6.31 counts its events with an argument that pandas 3 calls outdated, in a thread of its own.
ignore_gradios_own = pytest.mark.filterwarnings("ignore:The copy keyword is deprecated:DeprecationWarning")


@contextmanager
def served(page: gr.Blocks) -> Iterator[str]:
    """The page's address on this machine, as long as the context lasts."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]  # Gradio takes no port 0
    _, address, _ = page.launch(
        prevent_thread_lock=True, server_name="127.0.0.1", server_port=port, quiet=True, **launch_options()
    )
    try:
        yield address.rstrip("/")
    finally:
        page.close(verbose=False)
