"""The way in: components that hand over the uploaded files untouched.

Gradio's own decoding would clip 16-bit greys, show hidden colours behind alpha and
only warn about decompression bombs; :func:`msresnet.images.read_image` decides for
the page, the API and the command line alike.
"""

from pathlib import Path
from urllib.parse import unquote

import gradio as gr
from gradio.data_classes import ImageData, ListFiles
from gradio.utils import get_upload_folder
from gradio_client.utils import is_http_url_like

from ..errors import ImageError

UPLOAD_ROUTE = "/gradio_api/file="  # where Gradio serves an upload under its path


class UploadImage(gr.Image):
    """``gr.Image(type="filepath")`` whose value in Python is the uploaded file, not opened yet.

    The constructor is Gradio's own: the page's front end is told its parameters by name.
    """

    def get_block_name(self) -> str:
        return "image"

    def preprocess(self, payload: ImageData | None) -> str | None:
        """The path of an uploaded file; ``None`` where there is no picture."""
        if payload is None:
            return None
        if payload.path is None:
            raise not_uploaded()
        return payload.path

    async def async_move_resource_to_block_cache(self, url_or_file_path: str | Path | None) -> str | None:
        """Gradio's own, but for addresses: it would fetch what a visitor names, of any size."""
        return await super().async_move_resource_to_block_cache(here(url_or_file_path))


class UploadFiles(gr.File):
    """``gr.File(file_count="multiple")`` whose value in Python is the list of uploaded files, not opened yet."""

    def get_block_name(self) -> str:
        return "file"

    def preprocess(self, payload: ListFiles | None) -> list[str]:
        """The paths of the uploaded files."""
        if payload is None:
            return []
        paths = [file.path for file in payload]
        if not all(paths):
            raise not_uploaded()
        return paths

    async def async_move_resource_to_block_cache(self, url_or_file_path: str | Path | None) -> str | None:
        """As :class:`UploadImage`."""
        return await super().async_move_resource_to_block_cache(here(url_or_file_path))


def here(url_or_file_path: str | Path | None) -> str | Path | None:
    """What a visitor names, as a file of this machine: an address only where it is that of an upload to this server.

    Agents are given such addresses. Only the path in it is read, and :func:`uploaded_file` decides on that.
    """
    named = str(url_or_file_path)
    if url_or_file_path is None or not is_http_url_like(named):
        return url_or_file_path
    _, is_upload, path = named.partition(UPLOAD_ROUTE)
    if not is_upload or not is_in_upload_folder(Path(unquote(path))):
        raise not_uploaded()
    return unquote(path)


def not_uploaded() -> gr.Error:
    """What a visitor is told who names a picture instead of uploading it."""
    return gr.Error("Only uploaded files are read; send the picture as a file.", print_exception=False)


def uploaded_file(path: str) -> Path:
    """The path, if it lies in the upload folder; anything else on the server is nobody's picture.

    Raises:
        ImageError: it lies elsewhere.
    """
    if not is_in_upload_folder(Path(path)):
        raise ImageError("Only uploaded pictures are explained; upload the file first")
    return Path(path).resolve()


def is_in_upload_folder(path: Path) -> bool:
    """Whether a path leads into the folder of uploads."""
    return path.resolve().is_relative_to(Path(get_upload_folder()).resolve())
