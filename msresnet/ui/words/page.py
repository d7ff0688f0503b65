"""The page's own strings. Words before jargon; a number never comes without its unit."""

from .language import Phrase

TITLE = Phrase.same("msresnet")
QUESTION = Phrase("Which scale made the model say this, and where?", "是哪个尺度让模型这样回答？依据又在图中何处？")
LANGUAGE = Phrase("Language", "语言")

DROP = Phrase("Drop, paste or choose a picture", "拖入、粘贴或选择一张图片")
EXAMPLES = Phrase("Or try one of these", "或者试试这些图片")
ANSWER = Phrase("What it sees", "它看到了什么")
LEDGER = Phrase("Which scale says so", "哪个尺度这样认为")
EVIDENCE = Phrase("Where the evidence lies", "证据在哪里")
ATTRIBUTIONS = Phrase("Another method's opinion", "换一种方法怎么看")
FEATURES = Phrase("What each scale's features look like", "每个尺度的特征是什么样子")
ABOUT = Phrase("About this model", "关于这个模型")

CLASS = Phrase("Explain this class", "解释这个类别")
AGAINST = Phrase("compared with", "与之比较")
AVERAGE_CLASS = Phrase("the average class", "平均类别")
METHOD = Phrase("Method", "方法")
MODEL = Phrase("Model", "模型")
OPACITY = Phrase("Overlay", "叠加")
WIPE = Phrase("Before | after", "之前 | 之后")
WIPE_NAME = Phrase("How much of the picture the overlays cover", "叠加图覆盖图片的多少")
UNDO = Phrase("Undo", "撤销")
TOUR = Phrase("Tour", "导览")
HELP = Phrase("Keyboard help", "键盘帮助")
THEME = Phrase("Light or dark", "浅色或深色")
SKIP = Phrase("Skip to the answer", "跳到回答")
OFFER = Phrase(
    "New here? Seven ideas explain this page, in a minute.", "第一次来？七个概念讲明白这个页面，只需一分钟。"
)
OFFER_START = Phrase("Take the tour", "开始导览")
OFFER_DISMISS = Phrase("No, thanks", "不用了")
TOOLS = Phrase("Settings and help", "设置与帮助")
KEPT = Phrase("Computed so far", "已算好的方法")
OPACITY_NAME = Phrase("Opacity of the overlays", "叠加图的不透明度")
HOW_TO_READ = Phrase("How to read this", "怎么读这张图")

WHAT_IF = Phrase("What if a scale were off, or spoke louder?", "如果关掉某个尺度，或让它说得更响，会怎样？")
SCALE_ON = Phrase("{side} px scale on", "启用 {side} 像素尺度")
GAIN = Phrase("Gain of the {side} px scale", "{side} 像素尺度的增益")
RESET = Phrase("Reset", "复位")
WHAT_IF_ON = Phrase("What if:", "假设：")
WHAT_IF_NOTE = Phrase(
    "Answer, ledger and evidence follow at once, from the votes that were already cast. Off: the other scales share "
    "its weight. A gain multiplies a scale's votes and leaves the weights as they are. The maps of other methods and "
    "the feature maps stay as they were.",
    "回答、账目和证据立即随之变化，用的是已经投出的票。关闭：其余尺度分担它的权重。增益：把该尺度的票乘以一个倍数，"
    "权重不变。其他方法的图和特征图保持原样。",
)

EMPTY = Phrase(
    "Give it a picture: the answer appears here, and everything below follows it.",
    "给它一张图片：回答会出现在这里，下面的一切都随之而来。",
)
BUG = Phrase(
    "Something went wrong on our side. The details are in the server's log; please try another picture.",
    "我们这边出了错，详情已写入服务器日志；请换一张图片试试。",
)
READY = Phrase("Ready", "就绪")
WORKING_ANSWER = Phrase("Reading the picture and asking every scale", "正在读取图片并询问每个尺度")
LOADING = Phrase(
    "Loading {name}; its weights are fetched once and then kept", "正在加载 {name}；权重只下载一次，之后会保留"
)
WORKING_FEATURES = Phrase("Ordering the feature maps by what they add", "正在按贡献排列特征图")
BUSY = Phrase(
    "Too many people are asking just now, and this question was not taken: what stands here answers the one before. "
    "Try again in a moment.",
    "现在提问的人太多，这个问题没有被接受：这里显示的仍是上一个问题的回答。请稍后再试。",
)
RETRY = Phrase("Try again", "再试一次")
COMPUTING = Phrase("Computing {title}, about {seconds} s", "正在计算：{title}，大约 {seconds} 秒")
WITHOUT_GPU = Phrase(
    "(no GPU for now: {reason}; on the CPU it takes longer)", "（暂时没有 GPU：{reason}；在 CPU 上需要更久）"
)

KNOWS = Phrase("knows {count} things", "认识 {count} 种事物")
LOOKS_AT = Phrase("looks at {sides} and {last} px", "观看 {sides} 和 {last} 像素")
LOOKS_AT_ONE = Phrase("looks at {last} px", "观看 {last} 像素")
COMMA = Phrase(", ", "、")
ON_GPU = Phrase("on the GPU", "在 GPU 上运行")
ON_DEVICE = Phrase("on the {device}", "在 {device} 上运行")
GATE_NOT_CALIBRATED = Phrase("gate not calibrated", "门控未经校准")
NOT_VERIFIED = Phrase("weights not verified", "权重未经核实")

PIXELS = Phrase("{side} px", "{side} 像素")

# Feature maps.
FEATURES_NOTE = Phrase(
    "The channels that add most to the class, strongest first; below each what it adds, in logits. "
    "Exact in stage 4, to first order before. Brightness is relative to each channel's own maximum. "
    "Click one to enlarge it.",
    "对该类别贡献最大的通道，从强到弱；每个通道下方是它的贡献（单位：logit）。"
    "第 4 阶段是精确值，之前的阶段是一阶近似。亮度相对于各通道自身的最大值。点击可放大。",
)
LINKS_NOTE = Phrase(
    "In this model neighbouring scales exchange features after stages 2 and 3, so a scale's map also holds "
    "something of its neighbours'.",
    "在这个模型中，相邻尺度在第 2、3 阶段之后交换特征，因此一个尺度的图里也含有邻近尺度的成分。",
)
STRONGEST_CHANNELS = Phrase(
    "Channels that add most to {label}, strongest first.", "对 {label} 贡献最大的通道，从强到弱。"
)
STAGE = Phrase("stage {number}", "第 {number} 阶段")
CELLS_AND_CHANNELS = Phrase(
    "{height} × {width} cells, {channels} channels", "{height} × {width} 个单元，{channels} 个通道"
)
CHANNELS_OF = Phrase("{side} px channels", "{side} 像素的通道")
CHANNEL = Phrase(
    "stage {stage}, {side} px, channel {channel}: {amount} logits, maximum {peak}",
    "第 {stage} 阶段，{side} 像素，通道 {channel}：{amount} logit，最大值 {peak}",
)
ENLARGE = Phrase("Enlarge {what}", "放大 {what}")

# Examples.
EXAMPLE_TITLES = {
    "oranges": Phrase("Two oranges, drawn", "两个橙子（绘制）"),
    "small-orange": Phrase("A small orange, drawn", "一个小橙子（绘制）"),
    "bus": Phrase("A school bus, drawn", "一辆校车（绘制）"),
    "lion": Phrase("A lion", "一头狮子"),
    "hopper": Phrase("Rear Admiral Grace Hopper", "海军少将格蕾丝·霍珀"),
    "tower": Phrase("A tower", "一座塔"),
    "digit-2": Phrase("A two, written", "手写的 2"),
    "digit-small-2": Phrase("A small two, written", "手写的小 2"),
    "digit-5": Phrase("A five, written", "手写的 5"),
    "digit-small-5": Phrase("A small five in a corner, written", "角落里手写的小 5"),
    "digit-8": Phrase("An eight, written", "手写的 8"),
}
