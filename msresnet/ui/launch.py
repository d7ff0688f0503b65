"""From a model's name to a page that is served."""

import logging
import os
import sys
from importlib.resources import files
from importlib.util import find_spec

import gradio as gr
import torch

from ..checkpoint import identify, load_model
from ..errors import ConfigError, DownloadError
from ..model import MultiscaleResNet
from .assets import scripts, static_file
from .gpu import home_device
from .page import build_page
from .theme import page_theme

log = logging.getLogger(__name__)

DEFAULT_MODEL = "msresnet18-tiny"
GPU_MODEL = "msresnet50"

# The largest file that is taken; a 40 megapixel picture fits as a JPEG, a PNG and mostly as a TIFF.
MAX_FILE_SIZE = "50mb"


def build(name: str | None = None) -> gr.Blocks:
    """The page for a listed model, a path or a Hub repository.

    By default the one that ``$MSRESNET_MODEL`` names, otherwise ``msresnet50`` where there is a
    GPU and its weights are at hand or can be fetched, otherwise the model that ships.
    """
    name = name or os.environ.get("MSRESNET_MODEL")
    model = load_default() if name is None else load_model(name, device=home_device())
    return build_page(model, identify(model).name)  # visitors are not told where it lies on the server


def load_default() -> MultiscaleResNet:
    """The best model for this machine that can be had."""
    if torch.cuda.is_available():
        try:
            return load_model(GPU_MODEL, device=home_device())
        except DownloadError as error:
            log.warning("%s. The page starts with %s", error, DEFAULT_MODEL)
    return load_model(DEFAULT_MODEL, device=home_device())


def has_screen() -> bool:
    """Whether opening a browser shows a person the page: at a terminal with a screen, not on a Space."""
    is_graphical = sys.platform in ("darwin", "win32") or "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ
    return is_graphical and sys.stdout.isatty() and "SPACE_ID" not in os.environ


def launch_options() -> dict:
    """What :meth:`gradio.Blocks.launch` needs for this page to look and behave as meant."""
    return {
        "theme": page_theme(),
        "css": static_file("style.css"),
        "head": f"<script>{scripts()}</script>",
        "favicon_path": str(files(__package__).joinpath("static", "favicon.svg")),
        "max_file_size": MAX_FILE_SIZE,
        "show_error": False,
        "enable_monitoring": False,
        "run_history": False,
        "state_session_capacity": 200,
        "footer_links": ["api"],
        "ssr_mode": False,
    }


def launch(
    *,
    model: str | None = None,
    host: str | None = None,
    port: int | None = None,
    share: bool = False,
    has_tools: bool = False,
) -> None:
    """Serve the page until interrupted.

    Args:
        model: a listed name, a path or a Hub repository; by default the best that can be had.
        host, port: where; by default Gradio's.
        share: through a public address of Gradio's.
        has_tools: also serve the endpoints as tools over MCP, at ``/gradio_api/mcp/``.

    Raises:
        ConfigError: the port is taken, or there is no MCP here.
        MsresnetError: the model cannot be loaded; the sentence says why.
    """
    if has_tools and find_spec("mcp") is None:
        raise ConfigError("tools need the package mcp, which is not installed; run: pip install 'msresnet[mcp]'")
    page = build(model)
    where = {"server_name": host, "server_port": port, "share": share, "inbrowser": has_screen()}
    try:
        page.launch(**where, mcp_server=has_tools or None, **launch_options())  # None: as GRADIO_MCP_SERVER says
    except OSError as error:
        raise ConfigError(f"the page cannot be served on port {port}: {error}; choose another --port") from error
