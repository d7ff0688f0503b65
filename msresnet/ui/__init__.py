"""The page: the only package that knows Gradio."""

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before Gradio is imported: it calls home otherwise
os.environ.setdefault("GRADIO_SSR_MODE", "false")

from .launch import build, launch, launch_options

__all__ = ["build", "launch", "launch_options"]
