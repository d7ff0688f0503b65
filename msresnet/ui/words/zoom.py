"""What stands in the panel of the zoom response."""

from .language import Phrase

TITLE = Phrase("Nearer and farther", "拉近与拉远")
ASK = Phrase("Zoom from ¼ to 2", "从 ¼ 缩放到 2")
CANVAS = Phrase("Around a picture that is farther away", "图片变小时，四周是")
GREY = Phrase("grey", "灰色")
MIRROR = Phrase("its mirror image", "它的镜像")
WORKING = Phrase("Asking anew at every zoom", "正在逐个缩放重新询问")

ANSWER = Phrase("Its answer", "它的回答")
PROBABILITY = Phrase("Probability of {label}", "{label} 的概率")
PROBABILITY_AGAINST = Phrase("Probability of {label}, dashed: {other}", "{label} 的概率，虚线：{other}")
SHARES = Phrase("Each scale's share of what speaks for it", "支持它的证据中各尺度的份额")

RANGE = Phrase(
    "{label} is least probable at {low_zoom}, with {low}, and most at {high_zoom}, with {high}.",
    "{label} 的概率在 {low_zoom} 时最低，为 {low}；在 {high_zoom} 时最高，为 {high}。",
)
NO_FLIP = Phrase("The answer is {label} at every zoom.", "在每个缩放下，回答都是 {label}。")
ONE_FLIP = Phrase(
    "The answer flips once, at {zoom}: from {below} to {above}.", "回答翻转一次，在 {zoom}：由 {below} 变为 {above}。"
)
FLIPS = Phrase(
    "The answer flips {count} times: {first} at {from_zoom}, {last} at {to_zoom}.",
    "回答翻转 {count} 次：{from_zoom} 时是 {first}，{to_zoom} 时是 {last}。",
)
SHARE_MOVES = Phrase(
    "From {from_zoom} to {to_zoom} the share of the {name} scale ({side} px) goes from {before} to {after}.",
    "从 {from_zoom} 到 {to_zoom}，{name}尺度（{side} 像素）的份额从 {before} 变为 {after}。",
)
NO_SHARES = Phrase("At {zoom} no scale speaks for it.", "在 {zoom} 时没有任何尺度支持它。")

PICTURES = Phrase("Pictures at the ends and where the answer flips", "两端以及回答翻转处的图片")
FLIP = Phrase("{below} → {above}", "{below} → {above}")
FLIP_NAME = Phrase("The picture at {zoom}, where {below} becomes {above}", "{zoom} 时的图片，{below} 在此变为 {above}")
END_NAME = Phrase("The picture at {zoom}: {label}", "{zoom} 时的图片：{label}")

TABLE = Phrase("All numbers", "全部数字")
ZOOM = Phrase("Zoom", "缩放")
OF_SCALE = Phrase("{side} px", "{side} 像素")
IN_LOGITS = Phrase("{share} ({amount} logits)", "{share}（贡献 {amount} logit）")

NOTE = Phrase(
    "What the model sees of the picture is put on a canvas of the same side and asked about anew at 13 zooms; ×1 is "
    "the answer above. Between two zooms with different answers the flip is found by bisection, to 1 % of the zoom. "
    "A share is a scale's part of what speaks for the class; what speaks against it is in the numbers below. Below ×1 "
    "the surroundings are an invention: a grey border is something that the model never saw, and a mirrored one shows "
    "the object more than once. A flip that both have is the picture's own.",
    "模型所看到的画面被放在同样大小的画布上，在 13 个缩放下重新询问；×1 就是上面的回答。两个缩放的回答不同时，"
    "用二分法找到翻转处，精确到缩放的 1%。份额是某个尺度在支持该类别的证据中所占的部分；反对的部分见下面的数字。"
    "小于 ×1 时，四周是虚构的：灰色边框是模型从未见过的，镜像则让物体不止一次出现。两种画布都有的翻转才属于图片本身。",
)
