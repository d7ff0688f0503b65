"""The page as a script: what a Space or ``python app.py`` runs."""

import contextlib

with contextlib.suppress(ImportError):  # it is there on Hugging Face Spaces only
    import spaces  # noqa: F401  on ZeroGPU it wants to come before torch

from msresnet.ui import launch

if __name__ == "__main__":
    launch()
