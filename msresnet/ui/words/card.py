"""What is said of a model that ships no card, or none in this language."""

from .language import Phrase

LISTED = Phrase(
    "**{name}**: {description}. Weights: {source}. Terms: {licence}. "
    "The gate between its scales is the default that needs no labels: nobody calibrated it on these weights.",
    "**{name}**：{description}。权重：{source}。条款：{licence}。尺度之间的门控是无需标签的默认设置：没有人在这些权重上校准过它。",
)
YOUR_OWN = Phrase(
    "**{name}**: weights of your own; nothing is known about them here beyond what the file says.",
    "**{name}**：您自己的权重；除了文件本身所说的，这里对它一无所知。",
)
ENGLISH_ONLY = Phrase("*This card is in English.*", "*这份说明只有英文。*")
