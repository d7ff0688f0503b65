"""The page as a script: what a Space or ``python app.py`` runs."""

from msresnet.ui import launch

if __name__ == "__main__":
    launch()
