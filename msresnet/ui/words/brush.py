"""The brush: what if a part of the picture were covered."""

from .language import Phrase

TITLE = Phrase("What if a part of the picture were covered?", "如果遮住图片的一部分，会怎样？")
INTRODUCTION = Phrase(
    "Brush over a part of the picture. What is hatched is covered at every scale, and the model is asked again.",
    "在图片上涂抹。画了斜线的部分在每个尺度上都会被遮住，然后重新询问模型。",
)
KEYS = Phrase(
    "Keyboard: arrow keys move the brush, with Shift they paint; Space paints a dot, + and − change the brush, "
    "Ctrl+Z undoes.",
    "键盘：方向键移动画笔，按住 Shift 则边移动边涂抹；空格键涂一个点，+ 和 − 改变画笔大小，Ctrl+Z 撤销。",
)
CANVAS = Phrase("The picture, to be brushed on", "可以涂抹的图片")
MODE = Phrase("What is brushed", "涂抹的部分")
COVER = Phrase("is covered", "被遮住")
KEEP = Phrase("is kept, the rest covered", "保留，其余遮住")
FILL = Phrase("Covered with", "遮住的部分显示")
FILLS = {
    "blur": Phrase("blur", "模糊"),
    "mean": Phrase("mean colour", "平均颜色"),
    "noise": Phrase("noise", "噪声"),
}
SEED = Phrase("seed", "随机种子")
SIZE = Phrase("Brush size", "画笔大小")
UNDO = Phrase("Undo", "撤销")
CLEAR = Phrase("Clear", "清除")
INVERT = Phrase("Invert", "反转")
STATE = Phrase("{share} % of what the model sees is covered", "模型所见画面的 {share}% 被遮住")
PLACE = Phrase("Brush at {x} % from the left, {y} % from the top.", "画笔位于距左 {x}%、距上 {y}%。")
NOTHING_YET = Phrase("Nothing is brushed yet.", "还没有涂抹任何部分。")

CHANGED = Phrase(
    "So covered, the model says {after} ({after_share}) instead of {before} ({before_share} → {left_share}).",
    "这样遮住后，模型的回答由 {before}（{before_share} → {left_share}）变为 {after}（{after_share}）。",
)
UNCHANGED = Phrase(
    "So covered, the model still says {before}: {before_share} → {left_share}.",
    "这样遮住后，模型仍然回答 {before}：{before_share} → {left_share}。",
)
LOST = Phrase(
    "Of the scales, {side} px changed most for {label}: {amount} logits.",
    "就 {label} 而言，{side} 像素尺度的变化最大：{amount} logit。",
)
SEEN = Phrase(
    "What the model was then given, at {side} px; {share} covered", "此时模型得到的画面（{side} 像素）；遮住了 {share}"
)
CLASSES = Phrase("Per class", "各个类别")
SCALES = Phrase("Per scale, for {label}", "各个尺度（{label}）")
SCALES_AGAINST = Phrase("Per scale, for {label} rather than {other}", "各个尺度（{label}，而不是 {other}）")
CLASS = Phrase("class", "类别")
SCALE = Phrase("scale", "尺度")
BEFORE = Phrase("before", "之前")
AFTER = Phrase("after", "之后")
CHANGE = Phrase("change", "变化")
WEIGHT = Phrase("weight of its votes", "投票权重")
POINTS = Phrase("{number} pts", "{number} 个百分点")
BIAS = Phrase("bias", "偏置")
TOTAL = Phrase("= total", "= 合计")
NOTE = Phrase(
    "The picture's own pixels were covered and all levels made again, so every scale meets the same covered place. "
    "The gate was computed anew for the covered picture. Contributions are in logits, above the average class or "
    "above the class compared with. The model never saw covered pictures: try two fills.",
    "遮住的是图片本身的像素，所有层级都由它重新生成，因此每个尺度看到的遮挡位置相同。门控针对遮挡后的图片重新计算。"
    "贡献的单位是 logit，相对于平均类别或所比较的类别。模型从未见过被遮住的图片：请试试两种填充方式。",
)
