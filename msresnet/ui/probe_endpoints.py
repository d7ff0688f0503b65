"""The panels of the page for programs: ``/zoom_response``, ``/switch``, ``/compare``, ``/occlude`` and ``/point``."""

import gradio as gr

from ..canvas import Canvas
from ..errors import ConfigError
from ..images import read_image
from ..probe_files import switches_dict
from ..probes import Fill, Mask, Switches
from ..session import Session
from .calls import asked, sent, told, whole
from .models import Models
from .uploads import UploadImage


def add_probe_endpoints(models: Models, default: str, **queue: object) -> None:
    """Serve them; they need no visible component."""

    @told
    def zoom_response(image: str | None, model: str, target: str, against: str, canvas: str) -> dict:
        """What the model says as the picture is zoomed from ¼ to 2, and where its answer flips."""
        session, about = asked(models, image, model, target, against)
        return session.zoom_response(about, canvas=canvas).to_dict(session.model.classes)

    @told
    def switch(image: str | None, model: str, target: str, against: str, is_on: list, gains: list) -> dict:
        """The answer with scales switched off or louder, and recomputed without those that are off."""
        session, about = asked(models, image, model, target, against)
        try:
            switches = Switches(tuple(map(bool, is_on)), tuple(map(float, gains)))
        except (TypeError, ValueError) as error:
            raise ConfigError(f"is_on and gains must be a list each, got {is_on} and {gains}") from error
        return switches_dict(session.answer(about, switches=switches), session.recomputed(switches))

    @told
    def compare(image: str | None, model: str, target: str, against: str, other: str | None) -> dict:
        """Two pictures' ledgers for one target, and their difference."""
        session, about = asked(models, image, model, target, against)
        return session.compare(Session(session.model, sent(other)), about).to_dict()

    @told
    def occlude(image, mask, model, fill, keep, seed, target, against, top_k) -> dict:
        """Cover a part of a picture, or all else: the change of each class and of each scale.

        Args:
            image: the picture.
            mask: a picture over the whole of it: white is covered, black is not.
            model: name of the model.
            fill: what covers it: blur, mean or noise.
            keep: keep the white part, and cover all else.
            seed: of the noise.
            target: the class whose scales are told, by label or number; the most probable one if empty.
            against: a class to compare it with; the average class if empty.
            top_k: how many classes to list, at least 1.

        Returns:
            "classes" before and after, and the target's "ledger" before and after; the gate is recomputed.
        """
        count, chosen_seed = whole(top_k, "top_k", at_least=1), whole(seed, "seed", at_least=0)
        session, chosen = asked(models, image, model, target, against)
        size = (session.image.width, session.image.height)
        brushed = Mask.of_picture(read_image(sent(mask)), size)
        result = session.occluded(brushed, fill=fill, is_kept=bool(keep), seed=chosen_seed)
        return result.to_dict(chosen, top_k=count)

    @told
    def point(image, x, y, model, target, against, channels) -> dict:
        """What every stage and scale can see at one point, what fires there, and what each channel adds.

        Args:
            image: the picture.
            x: of the point, in pixels of the upright picture from the left.
            y: the same from the top.
            model: name of the model.
            target: the class that is explained, by label or number; the most probable one if empty.
            against: a class to compare it with; the average class if empty.
            channels: how many of each stage and scale, at least 1.

        Returns:
            "cells": boxes are left, top, right, bottom; contributions are logits, exact in stage 4.
        """
        if x is None or y is None:
            raise ConfigError("x and y must be numbers; there was none.")
        count = whole(channels, "channels", at_least=1)
        session, chosen = asked(models, image, model, target, against)
        return session.point(x, y, chosen, count=count, has_influence=True).to_dict()

    with gr.Row(visible=False):
        image, other, mask = (UploadImage(type="filepath", label=label) for label in ("image", "other", "mask"))
        model = gr.Textbox(default, label="model", info=", ".join(models.names))
        target, against = (gr.Textbox("", label=label) for label in ("target", "against"))
        canvas = gr.Textbox(Canvas.GREY.value, label="canvas")
        is_on, gains = (gr.JSON(label=label) for label in ("is_on", "gains"))
        fill = gr.Textbox(Fill.BLUR.value, label="fill", info=", ".join(one.value for one in Fill))
        keep = gr.Checkbox(False, label="keep")
        seed = gr.Number(0, label="seed", precision=0, minimum=0)
        top_k = gr.Number(5, label="top_k", precision=0, minimum=1)
        x, y = (gr.Number(label=label) for label in ("x", "y"))
        channels = gr.Number(5, label="channels", precision=0, minimum=1)
        common = [image, model, target, against]
        for function, inputs in (
            (zoom_response, [*common, canvas]),
            (switch, [*common, is_on, gains]),
            (compare, [*common, other]),
            (occlude, [image, mask, model, fill, keep, seed, target, against, top_k]),
            (point, [image, x, y, model, target, against, channels]),
        ):
            name = function.__name__
            result = gr.JSON(label=name)
            gr.Button(name).click(function, inputs, result, api_name=name, show_progress="hidden", **queue)
