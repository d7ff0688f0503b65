"""Strings of the panel of many pictures."""

from .language import Phrase

TITLE = Phrase("Many pictures at once", "一次看多张图片")
NOTE = Phrase(
    "Drop up to {count} pictures to see which the model is sure of, which scale decides, and where the scales "
    "disagree. Click one to explain it above.",
    "拖入最多 {count} 张图片，看看模型对哪些有把握、由哪个尺度决定、各尺度在哪里意见不一。点击其中一张即可在上方解释。",
)
DROP = Phrase("Drop or choose pictures", "拖入或选择多张图片")
STOP = Phrase("Stop", "停止")
SORT = Phrase("Sort by", "排序方式")
SUREST = Phrase("most sure first", "最有把握的在前")
LEAST_SURE = Phrase("least sure first", "最没把握的在前")
SCALE = Phrase("scale that gives most", "贡献最大的尺度")
DISAGREEMENT = Phrase("disagreement between scales", "尺度间的分歧")
WAITING = Phrase("Waiting for other explanations to end", "正在等待其他解释完成")
LOOKING = Phrase("{done} of {count} pictures", "第 {done} 张，共 {count} 张")
DONE = Phrase("{count} pictures looked through", "已看完 {count} 张图片")
STOPPED = Phrase("Stopped", "已停止")
UNREADABLE = Phrase("{count} could not be read", "{count} 张无法读取")
GALLERY = Phrase("Pictures that were looked through", "已看过的图片")
APART = Phrase("{share} apart", "分歧 {share}")
APART_TITLE = Phrase(
    "How far the scales' own predictions lie apart: Jensen–Shannon divergence, as a share of its largest value",
    "各尺度各自预测之间的距离：Jensen–Shannon 散度占其最大值的比例",
)
FINDING = Phrase(
    "{name}: {label}, {share}; most comes from the {side} px scale; the scales are {apart} apart",
    "{name}：{label}，{share}；{side} 像素尺度贡献最大；尺度间分歧为 {apart}",
)
HOW_TO_READ = Phrase(
    "The bar shows what each scale adds to the class, above the average class; what speaks against it is left out. "
    "Disagreement compares what each scale would say alone: 0 % where all say the same, 100 % where each is certain "
    "of something else.",
    "色条表示每个尺度为该类别增加了多少（相对于平均类别），不含反对的部分。分歧比较的是每个尺度单独会怎么说："
    "全部一致为 0 %，各自确信不同事物为 100 %。",
)
