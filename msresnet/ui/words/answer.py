"""The answer in sentences: each language composes its own from the same numbers."""

from .language import Phrase, Words

OPENING_WHY = Phrase("Why {label} rather than {other}?", "为什么是 {label}，而不是 {other}？")
OPENING_NOT_PREFERRED = Phrase(
    "The model does not prefer {label} to {other}.", "与 {other} 相比，模型并不更倾向于 {label}。"
)
OPENING_RATHER = Phrase(
    "{label} gets {probability}; the model would rather say {other}.",
    "{label} 的概率是 {probability}；模型更愿意回答 {other}。",
)
OPENING_SURE = Phrase("{label}, {probability}.", "{label}，{probability}。")
OPENING_UNSURE = Phrase(
    "Not sure: {label} is the best of {count} guesses, at {probability}.",
    "不太确定：在 {count} 个候选中，{label} 最有可能，概率为 {probability}。",
)

IT = Phrase("it", "它")
THE_CLASS = Phrase("{label}", " {label} ")  # in the place of "it"
NO_SCALE = Phrase("No scale speaks for {subject}.", "没有任何尺度支持{subject}。")
EVIDENCE_ALONE = Phrase("The evidence for {subject} lies {where}.", "支持{subject}的证据{where}。")
EVIDENCE_SHARE = Phrase(
    "{share} of the evidence for {subject} comes from the {name} scale ({side} px), {where}.",
    "支持{subject}的证据{share}来自{name}尺度（{side} 像素），{where}。",
)

ALL = Phrase("All", "全部")
NEARLY_ALL = Phrase("Nearly all", "几乎全部")

# Shares that have a name; no share is farther from one than 0.05.
FRACTIONS = (
    (0.2, Phrase("A fifth", "五分之一")),
    (0.25, Phrase("A quarter", "四分之一")),
    (1 / 3, Phrase("A third", "三分之一")),
    (0.4, Phrase("Two fifths", "五分之二")),
    (0.5, Phrase("Half", "一半")),
    (0.6, Phrase("Three fifths", "五分之三")),
    (2 / 3, Phrase("Two thirds", "三分之二")),
    (0.75, Phrase("Three quarters", "四分之三")),
    (0.8, Phrase("Four fifths", "五分之四")),
    (0.9, Phrase("Nine tenths", "十分之九")),
)
ABOUT = {
    fraction: Phrase(f"About {fraction.en[0].lower()}{fraction.en[1:]}", f"约{fraction.zh}")
    for _, fraction in FRACTIONS
}

# By ninth of the field of view, with the preposition that it takes.
REGIONS = (
    (
        Phrase("in the upper left", "左上方"),
        Phrase("at the top", "上方"),
        Phrase("in the upper right", "右上方"),
    ),
    (Phrase("at the left", "左侧"), Phrase("in the centre", "中央"), Phrase("at the right", "右侧")),
    (
        Phrase("in the lower left", "左下方"),
        Phrase("at the bottom", "下方"),
        Phrase("in the lower right", "右下方"),
    ),
)
MOSTLY = Phrase("mostly {region}", "主要位于{region}")
STRONGEST = Phrase("strongest {region}", "在{region}最强")
SPREAD = Phrase("spread over the picture", "分散在整张图片中")

SCALES = {
    1: (Phrase("only", "唯一的"),),
    3: (Phrase("small", "小"), Phrase("middle", "中"), Phrase("large", "大")),
}
SMALLEST, LARGEST = Phrase("smallest", "最小的"), Phrase("largest", "最大的")
BETWEEN = (Phrase("second", "第二"), Phrase("third", "第三"), Phrase("fourth", "第四"))

PERCENT = Phrase("{number} %", "{number}%")
BELOW_ONE = Phrase("< 1 %", "< 1%")
ABOVE_99 = Phrase("> 99 %", "> 99%")

# Top-k and ledger.
MOST_PROBABLE = Phrase("Most probable classes", "最可能的类别")
CLASS_DETAIL = Phrase("{label}: probability {probability}, logit {logit}", "{label}：概率 {probability}，logit {logit}")
BIAS = Phrase("bias", "偏置")
TOTAL = Phrase("= total", "= 合计")
SCALE_DETAIL = Phrase(
    "scale {scale}: {amount} logits; weight of its vote {weight}",
    "尺度 {scale}：{amount} logit；它的票的权重 {weight}",
)
LOGITS = Phrase("{amount} logits", "{amount} logit")
ABOVE_AVERAGE = Phrase("logit of {label} above the average class", "{label} 的 logit 高出平均类别的部分")
ABOVE_OTHER = Phrase("logit of {label} above {other}", "{label} 的 logit 高出 {other} 的部分")
SUM = Phrase("{parts} = {total} logits, the {meaning}.", "{parts} = {total} logit，即 {meaning}。")
LEFT_OVER = Phrase("Left over: {residual}.", "剩余：{residual}。")
LEFT_OVER_DETAIL = Phrase("the logit minus the float64 sum of its parts", "logit 减去其各部分的 float64 之和")
LEDGER_NOTE = Phrase(
    "Each bar is what one scale adds to the logit of this class, above what it adds to the average class. "
    "With the bias the bars add up to the total, exactly.",
    "每一条是一个尺度给该类别的 logit 增加的量，减去它给平均类别增加的量。加上偏置，各条之和恰好等于合计。",
)
LEDGER_NOTE_AGAINST = Phrase(
    "Each bar is what one scale adds to the logit of the first class more than to that of the second. "
    "With the difference of the biases the bars add up to the total, exactly.",
    "每一条是一个尺度给第一个类别的 logit 增加的量，减去它给第二个类别增加的量。"
    "加上两者偏置之差，各条之和恰好等于合计。",
)
GATE_NOTE = Phrase(
    "The weights of the votes are held as they are for this picture.", "各票的权重固定为这张图片的取值。"
)


def scale_name(words: Words, index: int, count: int) -> str:
    """What a scale is called in a sentence."""
    if count in SCALES:
        return words(SCALES[count][index])
    if index in (0, count - 1):
        return words(SMALLEST if index == 0 else LARGEST)
    return words(BETWEEN[index - 1])


def percent(words: Words, share: float) -> str:
    """A probability in whole per cent, honest at both ends."""
    if 0 < share < 0.01:
        return words(BELOW_ONE)
    if 0.99 < share < 1:
        return words(ABOVE_99)
    return words(PERCENT, number=round(100 * share))
