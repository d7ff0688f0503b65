"""The look that Gradio's own components get: quiet, system type, one accent."""

import gradio as gr

SANS = ["ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Helvetica Neue", "Noto Sans", "sans-serif"]
MONO = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"]


def page_theme() -> gr.themes.Base:
    """Stone greys with ink as the accent; the scales' colours are the only others. Needs no network."""
    return gr.themes.Base(
        primary_hue=gr.themes.colors.stone,
        neutral_hue=gr.themes.colors.stone,
        font=SANS,
        font_mono=MONO,
        radius_size=gr.themes.sizes.radius_md,
        spacing_size=gr.themes.sizes.spacing_md,
    ).set(
        body_background_fill="#fbfaf8",
        body_background_fill_dark="#171513",
        block_background_fill="#ffffff",
        block_background_fill_dark="#211e1c",
        block_border_width="1px",
        block_border_color="#e4e0da",
        block_border_color_dark="#3a3632",
        block_shadow="none",
        block_label_text_color="#57534e",
        block_label_text_color_dark="#c9c3bb",
        block_info_text_color="#57534e",
        block_info_text_color_dark="#c9c3bb",
        body_text_color="#1c1917",
        body_text_color_dark="#f5f2ee",
        body_text_color_subdued="#57534e",
        body_text_color_subdued_dark="#c9c3bb",
        input_background_fill="#ffffff",
        input_background_fill_dark="#1a1816",
        input_border_color="#cfc9c1",
        input_border_color_dark="#4a4540",
    )
