"""What stands around and below the maps."""

from ...attribution import Family
from .language import Phrase

EVIDENCE_NOTE = Phrase(
    "One frame per scale, each on the pixels which that scale was given. A tinted square is one cell of the last "
    "feature map, drawn where its receptive field is centred: red speaks for the class, blue against it. "
    "The squares of a frame add up to its bar above. Receptive fields are wider than the squares.",
    "每个尺度一幅图，画在该尺度实际看到的像素上。每个着色方块是最后一层特征图的一个单元，"
    "画在其感受野的中心：红色支持该类别，蓝色反对。一幅图中的方块之和等于上方对应的那一条。感受野比方块更大。",
)
NO_EVIDENCE = Phrase("No evidence here: every map is zero everywhere.", "这里没有证据：每张图处处为零。")
FLAT = Phrase("no evidence", "没有证据")
ALL_SCALES = Phrase("all, on average", "全部尺度的平均")
ALL_SCALES_NAME = Phrase("Average over the scales", "各尺度的平均")
SCALE_NAME = Phrase("{side} px scale", "{side} 像素尺度")
MAP_NAME = Phrase("{name}: {what}", "{name}：{what}")
STRONGEST_FOR = Phrase("strongest for the class {region}, {amount}", "对该类别支持最强处在{region}，{amount}")
STRONGEST_AGAINST = Phrase("strongest against the class {region}, {amount}", "对该类别反对最强处在{region}，{amount}")
EVIDENCE_GROUP = Phrase("evidence by scale", "各尺度的证据")
ATTRIBUTION_GROUP = Phrase("attribution by scale", "各尺度的归因")
BAR = Phrase("Colour bar in {unit} from {low} to {high}", "色标，单位 {unit}，从 {low} 到 {high}")

ADDS_UP = Phrase(
    "Its maps add up to {total} {unit} with {left} % left over.", "各图之和为 {total} {unit}，剩余 {left}%。"
)
COMPARED_WITH = Phrase("Compared with {baseline}.", "比较的基准是{baseline}。")
BASELINES = {
    "black": Phrase("a black picture", "全黑图片"),
    "mean": Phrase("a picture of the mean colour", "平均颜色的图片"),
    "blur": Phrase("a blurred picture", "模糊后的图片"),
    "noise": Phrase("a picture of noise", "噪声图片"),
}
BASELINE = Phrase("compared with", "基准")
OWN_BASELINE = Phrase("the method's own choice", "方法自己的选择")
BASELINE_SCORE = Phrase(
    "The score there: {value}; of the picture: {image}.", "在那里的分数：{value}；图片的分数：{image}。"
)
BASELINE_NAME = Phrase("The baseline: {baseline}", "基准：{baseline}")
STAGE = Phrase("looks at", "查看")
STAGES = (
    Phrase("stage 1, fine", "第 1 阶段，细"),
    Phrase("stage 2", "第 2 阶段"),
    Phrase("stage 3", "第 3 阶段"),
    Phrase("stage 4, the last", "第 4 阶段，最后"),
)
RANGE = Phrase("colours", "颜色范围")
SHARED = Phrase("one range for all scales", "所有尺度共用一个范围")
LOCAL = Phrase("each scale its own range", "每个尺度各用一个范围")
VALUES = Phrase("values", "数值")
SIGNED = Phrase("signed", "带符号")
MAGNITUDE = Phrase("magnitude", "大小")
CELLS = Phrase("cells", "单元")
SQUARES = Phrase("as they are", "原样")
SMOOTH = Phrase("smooth, finer than the map is", "平滑，比图本身更细")
LOCAL_NOTE = Phrase(
    "Each frame has its own range: colours of different scales cannot be compared. Full colour is {limits}.",
    "每幅图各有自己的范围：不同尺度的颜色不能相互比较。满色对应 {limits}。",
)
LOCAL_LIMIT = Phrase("{limit} at {side} px", "{side} 像素处为 {limit}")
METHODS_TABLE = Phrase("All methods: what they promise, and what they take here", "所有方法：各自的承诺与在此处的用时")
METHOD_HEADS = (
    Phrase("method", "方法"),
    Phrase("family", "类别"),
    Phrase("what its numbers mean", "数值的含义"),
    Phrase("baseline", "基准"),
    Phrase("adds up", "各处之和成立"),
    Phrase("takes about", "大约用时"),
)
FAMILIES = {
    Family.GRADIENT: Phrase("slopes at the pixels", "像素处的斜率"),
    Family.LAYER: Phrase("slopes at a stage", "某一阶段的斜率"),
    Family.PERTURBATION: Phrase("covers places", "遮住各处"),
    Family.GAME: Phrase("scales as players", "以尺度为玩家"),
}
YES = Phrase("yes", "是")
ABOUT_SECONDS = Phrase("{seconds} s", "{seconds} 秒")

CLIPPED = Phrase(
    "{share} % of the pixels are stronger than the colour bar shows.", "{share}% 的像素强于色标所示的范围。"
)
SECONDS = Phrase("It took {seconds} s.", "用时 {seconds} 秒。")

# What the numbers of a map are, for the methods whose numbers are not logits.
LOGITS = Phrase("logits", "logit")
SLOPE = Phrase("logits per unit of brightness", "每单位亮度的 logit")
UNITS = {
    "saliency": SLOPE,
    "smooth-grad": SLOPE,
    "guided-backprop": SLOPE,
    "var-grad": Phrase("squares of logits per unit of brightness", "每单位亮度的 logit 之平方"),
    "guided-grad-cam": Phrase("slope times Grad-CAM", "斜率乘以 Grad-CAM"),
    "scale-shapley": Phrase("log-probability", "对数概率"),
}
