"""``/explain``: what the page shows, for programs."""

import gradio as gr

from ..errors import MsresnetError
from ..explain import Request, explain_stream, gather
from .uploads import UploadImage, uploaded_file
from .visits import Models


def add_endpoint(models: Models, default: str, **queue: object) -> None:
    """Serve ``/explain(image, model, method, top_k)``; it needs no visible component."""

    def explain_image(image: str | None, model: str, method: str, top_k: int | None) -> dict:
        """Explain one picture: the content of explanation.json, as the command line writes it."""
        if image is None:
            raise gr.Error("Send a picture; there was none.", print_exception=False)
        if top_k is None:
            raise gr.Error("top_k must be a whole number of at least 1; there was none.", print_exception=False)
        try:
            request = Request(top_k=top_k, methods=(method,), channels=0)
            found = models.get(model)
            return gather(explain_stream(found, uploaded_file(image), request)).to_dict()
        except MsresnetError as error:
            raise gr.Error(str(error), print_exception=False) from error

    with gr.Row(visible=False):
        image = UploadImage(type="filepath", label="image")
        model = gr.Textbox(default, label="model", info=", ".join(models.names))
        method = gr.Textbox("integrated-gradients", label="method")
        top_k = gr.Number(5, label="top_k", precision=0, minimum=1)
        result = gr.JSON(label="explanation")
        button = gr.Button("explain")
    button.click(
        explain_image, [image, model, method, top_k], result, api_name="explain", show_progress="hidden", **queue
    )
