"""What the page does, for programs: ``/explain``, ``/trust``, ``/export``, ``/batch`` and ``/models``."""

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import gradio as gr

from ..attribution import METHODS, Baseline
from ..batch import Finding, Order, look_through, ordered
from ..errors import UnknownNameError
from ..explain import gather
from ..export import explanation_archive
from ..faithfulness import TRIED
from ..request import Request
from ..session import Session
from .calls import asked, sent, told, told_streaming, whole
from .gpu import computed
from .models import Models
from .uploads import UploadFiles, UploadImage, uploaded_file
from .work import results, trust_step


def add_endpoints(models: Models, default: str, **queue: object) -> None:
    """Serve the endpoints; they need no visible component."""
    Endpoints(models, default, queue).build()


class Endpoints:
    """The page's models as functions that programs call.

    Args:
        models: that may be asked for.
        default: the name of the one that is asked unless told otherwise.
        queue: the place where explanations wait for each other.
    """

    def __init__(self, models: Models, default: str, queue: dict[str, object]) -> None:
        self.models, self.default, self.queue = models, default, queue

    def build(self) -> None:
        """Hidden components, whose labels name the arguments."""
        with gr.Row(visible=False):
            image = UploadImage(type="filepath", label="image")
            model = gr.Textbox(self.default, label="model", info=", ".join(self.models.names))
            method = gr.Textbox("integrated-gradients", label="method", info=", ".join(METHODS))
            top_k = gr.Number(5, label="top_k", precision=0, minimum=1)
            methods = gr.Textbox("", label="methods", info="names, separated by commas")
            target = gr.Textbox("", label="target", info="a class by label or number; the most probable one if empty")
            against = gr.Textbox("", label="against", info="a class to compare with; the average class if empty")
            images = UploadFiles(file_count="multiple", label="images")
            order = gr.Textbox(Order.SUREST.value, label="order", info=", ".join(one.value for one in Order))
            baseline = gr.Textbox(Baseline.BLUR.value, label="baseline", info=", ".join(one.value for one in Baseline))
            result, archive = gr.JSON(label="explanation"), gr.File(label="archive")
        self.serve("explain", self.explain_function(), [image, model, method, top_k], result)
        self.serve("trust", self.trust_function(), [image, model, methods, target, against, baseline], result)
        self.serve("export", self.export_function(), [image, model, methods, target, against, top_k], archive)
        self.serve("batch", self.batch_function(), [images, model, order], result)
        self.serve("models", self.models_function(), [], result)

    def serve(self, name: str, function: Callable, inputs: list, output: gr.Component) -> None:
        """A function under a name."""
        with gr.Row(visible=False):
            button = gr.Button(name)
        button.click(function, inputs, output, api_name=name, show_progress="hidden", **self.queue)

    def explain_function(self) -> Callable:
        """``/explain``."""

        @told
        def explain_image(image: str | None, model: str, method: str, top_k: int | None) -> dict:
            """Explain one picture: what it shows, how much each scale adds to that, and by one attribution method.

            Args:
                image: the picture.
                model: name of the model; "models" lists them.
                method: name of the attribution method; "models" lists them.
                top_k: how many classes to list, at least 1.

            Returns:
                The content of explanation.json; its schema is explanation.schema.json.
            """
            request = Request(top_k=whole(top_k, "top_k"), methods=(method,), channels=0)
            found = self.models.get(model)
            return gather(results(Session(found, sent(image)), request)).to_dict()

        return explain_image

    def trust_function(self) -> Callable:
        """``/trust``."""

        @told
        def check_maps(image: str | None, model: str, methods: str, target: str, against: str, baseline: str) -> dict:
            """Say how far the evidence and the maps of attribution methods can be believed; what fails is marked.

            Args:
                image: the picture.
                model: name of the model; "models" lists them.
                methods: names of methods that say where, separated by commas; all of them if empty.
                target: the class that is explained, by label or number; the most probable one if empty.
                against: a class to compare it with, by label or number; the average class if empty.
                baseline: what the picture is exchanged for: blur, mean, black or noise.

            Returns:
                What explanation.json has as "trust".
            """
            session, chosen = asked(self.models, image, model, target, against)
            step = trust_step(session, chosen, names_in(methods) or TRIED, baseline=baseline)
            *_, last = computed(session, [step], is_cancelled=lambda: False)
            return last.result.to_dict()

        return check_maps

    def export_function(self) -> Callable:
        """``/export``."""

        @told_streaming
        def export_image(
            image: str | None, model: str, methods: str, target: str, against: str, top_k: int | None
        ) -> Iterator[str]:
            """Explain one picture as a ZIP archive of figures, a PDF, tables, maps and explanation.json.

            Args:
                image: the picture.
                model: name of the model; "models" lists them.
                methods: names of attribution methods, separated by commas; may be empty.
                target: the class to explain, by label or number; the most probable one if empty.
                against: a class to compare it with, by label or number; the average class if empty.
                top_k: how many classes to list, at least 1.

            Returns:
                The archive.
            """
            names = names_in(methods)
            request = Request(
                top_k=whole(top_k, "top_k"), methods=names, target=target or None, against=against or None, channels=0
            )
            session = Session(self.models.get(model), sent(image))
            explanation = gather(results(session, request))
            with TemporaryDirectory() as folder:  # Gradio has copied the file when it asks for more
                path = Path(folder) / "explanation.zip"
                path.write_bytes(explanation_archive(explanation, session.view))
                yield str(path)

        return export_image

    def batch_function(self) -> Callable:
        """``/batch``."""

        @told
        def look_through_images(images: list[str] | None, model: str, order: str) -> dict:
            """Look through up to 50 pictures: how sure the model is, which scale decides, where scales disagree.

            Args:
                images: the pictures.
                model: name of the model; "models" lists them.
                order: surest, least-sure, scale or disagreement.

            Returns:
                "pictures", sorted, and "unreadable", the files that are no picture, each with its reason.
            """
            found = self.models.get(model)
            sorting = order_of(order)
            files = [uploaded_file(path) for path in images or []]
            looked = list(look_through(found, [(path.name, path) for path in files]))
            findings = [one for one in looked if isinstance(one, Finding)]
            return {
                "sides": list(found.sides),
                "pictures": [one.to_dict() for one in ordered(findings, sorting)],
                "unreadable": [one.to_dict() for one in looked if not isinstance(one, Finding)],
            }

        return look_through_images

    def models_function(self) -> Callable:
        """``/models``."""

        def list_models() -> dict:
            """List the models and attribution methods that can be asked for.

            Returns:
                "models", "default" and "methods": for each method its title, what it promises and what to beware of.
            """
            return {
                "models": list(self.models.names),
                "default": self.default,
                "methods": {
                    method.name: {"title": method.title, "promise": method.promise, "caution": method.caution}
                    for method in METHODS.values()
                },
            }

        return list_models


def names_in(listed: str) -> tuple[str, ...]:
    """``a, b`` as names, each once."""
    return tuple(dict.fromkeys(name.strip() for name in listed.split(",") if name.strip()))


def order_of(name: str) -> Order:
    """The order of a name.

    Raises:
        UnknownNameError: there is no such order.
    """
    known = {order.value: order for order in Order}
    if name not in known:
        raise UnknownNameError("order", name, known)
    return known[name]
