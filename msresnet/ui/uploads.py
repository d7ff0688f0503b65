"""The way in: one image component that hands over the uploaded file untouched.

Gradio's own decoding would clip 16-bit greys, show hidden colours behind alpha and
only warn about decompression bombs; :func:`msresnet.images.read_image` decides for
the page, the API and the command line alike.
"""

from pathlib import Path

import gradio as gr
from gradio.data_classes import ImageData
from gradio.utils import get_upload_folder
from gradio_client.utils import is_http_url_like

from ..errors import ImageError


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
        if url_or_file_path is not None and is_http_url_like(str(url_or_file_path)):
            raise not_uploaded()
        return await super().async_move_resource_to_block_cache(url_or_file_path)


def not_uploaded() -> gr.Error:
    """What a visitor is told who names a picture instead of uploading it."""
    return gr.Error("Only uploaded files are read; send the picture as a file.", print_exception=False)


def uploaded_file(path: str) -> Path:
    """The path, if it lies in the upload folder; anything else on the server is nobody's picture.

    Raises:
        ImageError: it lies elsewhere.
    """
    resolved = Path(path).resolve()
    if not resolved.is_relative_to(Path(get_upload_folder()).resolve()):
        raise ImageError("Only uploaded pictures are explained; upload the file first")
    return resolved
