"""What stands in the panel of two pictures."""

from .language import Phrase

TITLE = Phrase("Two pictures side by side", "两张图片并排比较")
OTHER = Phrase("Drop a second picture", "拖入第二张图片")
PIN = Phrase("Pin the picture above", "固定上面的图片")
WITH_MAPS = Phrase("Also the maps of the method above", "同时比较上面所选方法的图")
WORKING = Phrase("Comparing the two pictures", "正在比较两张图片")
HINT = Phrase(
    "Pin the picture above and choose another one, or drop a second picture here. Both are asked about the same class.",
    "固定上面的图片再换一张，或在这里拖入第二张。两张图片都就同一个类别作答。",
)

THIS, THAT = Phrase("The picture above", "上面的图片"), Phrase("The second picture", "第二张图片")
DIFFERENCE = Phrase("difference", "差")
TOTAL = Phrase("= sum", "= 合计")
OPENING = Phrase(
    "{label} gets {first} in the picture above and {second} in the second one.",
    "{label} 在上面的图片中的概率是 {first}，在第二张图片中是 {second}。",
)
MOST = Phrase(
    "Its logit{above} differs by {total}; the {name} scale ({side} px) makes most of it, {amount}.",
    "其 logit{above}相差 {total}；其中最多的来自{name}尺度（{side} 像素），为 {amount}。",
)
ABOVE_AVERAGE = Phrase(" above the average class", "（高出平均类别的部分）")
ABOVE_OTHER = Phrase(" above {other}", "（高出 {other} 的部分）")
ALIKE = Phrase("The two ledgers are the same.", "两份账目相同。")
LEDGERS = Phrase("Difference of the ledgers", "账目之差")
SCALE = Phrase("Scale", "尺度")
EVIDENCE_OF = Phrase("{picture}: evidence by scale", "{picture}：各尺度的证据")
MAPS_OF = Phrase("{picture}: {method} by scale", "{picture}：各尺度的{method}")
EVIDENCE = Phrase("Evidence of both, on one range", "两者的证据，同一色标范围")
MAPS = Phrase("{method} of both, on one range", "两者的{method}，同一色标范围")
SUM = Phrase("{parts} = {total} logits.", "{parts} = {total}（单位：logit）。")
NOTE = Phrase(
    "Each bar is what one scale adds to the class in the picture above, less what it adds in the second one. The bias "
    "is the model's own and falls out, so the bars add up to the difference of the two totals. All frames share one "
    "colour range: a pale picture has weak evidence.",
    "每一条是某个尺度在上面的图片中给该类别增加的量，减去它在第二张图片中增加的量。偏置属于模型本身，相减后消去，"
    "因此各条之和等于两个合计之差。所有的图共用一个色标范围：颜色浅就是证据弱。",
)
