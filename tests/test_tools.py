"""The endpoints as tools over MCP, asked by the protocol's own client; skipped where the extra is not installed."""

import ast
import asyncio
import base64
import importlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from serving import served
from tiny import tiny

from msresnet.ui.page import build_page

mcp = pytest.importorskip("mcp", reason="the extra msresnet[mcp] is not installed")
http = importlib.import_module("mcp.client.streamable_http")

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of the protocol's own packages
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

NAME = "tiny"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("tools")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(folder / "uploads"))
        patch.setattr("gradio.mcp.DEFAULT_TEMP_DIR", str(folder / "uploads"))
        patch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY", True)  # its headers call home otherwise
        yield folder


@pytest.fixture(scope="module")
def address(folder) -> Iterator[str]:
    with served(build_page(tiny(), NAME), mcp_server=True) as address:
        yield address


@pytest.fixture(scope="module")
def picture(folder) -> Path:
    path = folder / "picture.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(path)
    return path


def talk(address: str, name: str | None = None, **arguments: object):
    """Call a tool, or list them all."""

    async def conversation():
        async with (
            http.streamablehttp_client(f"{address}/gradio_api/mcp/") as (reads, writes, _),
            mcp.ClientSession(reads, writes) as session,
        ):
            await session.initialize()
            return await (session.list_tools() if name is None else session.call_tool(name, arguments))

    return asyncio.run(conversation())


def text_of(answer) -> str:
    return answer.content[0].text


def read(answer) -> dict:
    """The result of a tool, which Gradio writes as Python does."""
    return ast.literal_eval(text_of(answer))


def data_url(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


def test_every_endpoint_is_a_tool_that_says_what_it_does(address):
    tools = {tool.name: tool for tool in talk(address).tools}
    assert set(tools) == {"explain_image", "check_maps", "export_image", "look_through_images", "list_models"}
    explain = tools["explain_image"]
    assert "how much each scale adds" in explain.description
    assert set(explain.inputSchema["properties"]) == {"image", "model", "method", "top_k"}
    assert "attribution method" in explain.inputSchema["properties"]["method"]["description"]


def test_an_agent_explains_a_picture(address, picture):
    answer = talk(address, "explain_image", image=data_url(picture), model=NAME, method="grad-cam", top_k=2)
    assert not answer.isError, answer
    explanation = read(answer)
    assert len(explanation["top_k"]) == 2 and list(explanation["methods"]) == ["grad-cam"]


def test_an_agent_explains_what_it_uploaded(address, picture):
    (path,) = httpx.post(f"{address}/gradio_api/upload", files={"files": picture.read_bytes()}, timeout=60).json()
    upload = f"{address}/gradio_api/file={path}"
    answer = talk(address, "explain_image", image=upload, model=NAME, method="grad-cam", top_k=1)
    assert not answer.isError, answer
    assert read(answer)["image"]["width"] == 50


def test_an_agent_is_told_what_is_wrong_in_a_sentence(address, picture):
    answer = talk(address, "explain_image", image=data_url(picture), model=NAME, method="cam", top_k=1)
    assert answer.isError and "There is no method called 'cam'" in text_of(answer)


def test_an_agent_cannot_have_an_address_fetched(address):
    image = "http://192.0.2.1/picture.png"  # RFC 5737: an address that is nobody's; the network guard would tell
    answer = talk(address, "explain_image", image=image, model=NAME, method="grad-cam", top_k=1)
    assert answer.isError and "Only uploaded files are read" in text_of(answer)


def test_an_agent_can_ask_what_there_is(address):
    found = read(talk(address, "list_models"))
    assert found["default"] == NAME and "grad-cam" in found["methods"]
