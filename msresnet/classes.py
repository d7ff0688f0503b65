"""ImageNet's table of classes: what a WordNet id, or an index of the classifier, is called."""

from functools import cache
from importlib.resources import files


@cache
def imagenet_classes() -> dict[str, str]:
    """WordNet id to label for ImageNet's 1,000 classes, in the classifier's order (torchvision's labels)."""
    table = files(__package__).joinpath("imagenet_classes.tsv").read_text(encoding="utf-8")
    return dict(line.split("\t") for line in table.splitlines())
