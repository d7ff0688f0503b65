"""What is said of a switch beside recomputing."""

from .language import Phrase

WORKING = Phrase("Recomputing without the scale", "正在去掉该尺度重新计算")
AND = Phrase(" and ", "和")
OPENING = Phrase(
    "Recomputed without {scales}, {label} gets {recomputed} instead of the {cached} that the cached votes say, "
    "{difference} in logits{above}.",
    "去掉 {scales} 重新计算，{label} 的概率是 {recomputed}，而已投的票给出 {cached}；logit{above}相差 {difference}。",
)
ABOVE_AVERAGE = Phrase(" above the average class", "（高出平均类别的部分）")
ABOVE_OTHER = Phrase(" above {other}", "（高出 {other} 的部分）")
LINKS = Phrase(
    "{amount} of it is the trace that the scale left in its neighbours through the links between the scales, "
    "which the switch cannot take back;",
    "其中 {amount} 是该尺度经由尺度间的连接留在邻近尺度中的痕迹，开关无法收回；",
)
NO_LINKS = Phrase(
    "Nothing of it is due to the maps: in this model no scale leaves a trace in another;",
    ("其中没有一点来自特征图：在这个模型中，尺度之间互不留痕；"),
)
GATE = Phrase("{amount} is the gate, which weighs anew what is left.", "{amount} 来自门控，它会对留下的尺度重新加权。")
ALONE = Phrase("one scale alone leaves the gate no choice.", "只剩一个尺度时，门控别无选择。")
