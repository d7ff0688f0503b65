"""What stands beside the ledger: Shapley values and interactions."""

from .language import Phrase

TITLE = Phrase("What each scale adds when the scales join one by one", "各尺度逐个加入时，各自增加多少")
TABLE = Phrase("Shapley values of the scales", "各尺度的 Shapley 值")
UNIT = Phrase("log-probability", "对数概率")
UNIT_AGAINST = Phrase("log-odds", "对数几率")
VALUE_DETAIL = Phrase(
    "{amount} in log-probability: {alone} alone, the rest together with the others",
    "对数概率 {amount}：单独时 {alone}，其余是与其他尺度一起时的部分",
)
PAIRS = Phrase("Interactions of the scales", "尺度之间的相互作用")
PAIR = Phrase("{one} and {other}", "{one} 与 {other}")
REDUNDANT = Phrase("say the same", "说的相同")
COMPLEMENTARY = Phrase("need each other", "互相需要")
INDEPENDENT = Phrase("do not interact", "互不影响")
SUM = Phrase(
    "{parts} = {total} in {unit}: from what the bias alone says to what all scales say.",
    "{parts} = {total}（{unit}）：从仅有偏置时的回答到全部尺度的回答。",
)
NOTE = Phrase(
    "The ledger splits one answer with its weights held. Here every set of scales answers for itself: the gate is "
    "renormalised over those in it, and its worth is the log-probability of the class (of A against B, the log-odds). "
    "A bar is what a scale adds on average over all orders of joining: its Shapley value, exact. A pair's number is "
    "the Shapley interaction index (Grabisch and Roubens 1999): how much more one adds where the other is. Below zero "
    "they say the same thing, and either could be missed. Half of it belongs to each of the two bars.",
    "账目是在固定权重下对一个回答的分解。这里则让每一组尺度各自作答：门控在组内重新归一化，"
    "其价值是该类别的对数概率（A 对 B 时为对数几率）。每一条是一个尺度在所有加入顺序下平均增加的量："
    "它的 Shapley 值，精确计算。每一对的数字是 Shapley 交互指数（Grabisch 与 Roubens，1999）："
    "当另一个在场时，这一个多增加多少。小于零表示两者说的相同，缺了哪一个都无妨。这个数的一半各属于两条之一。",
)
