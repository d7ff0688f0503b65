"""What the scripts say, by the key that they ask for."""

from .language import Phrase, Words

SCRIPT = {
    "no-preview": Phrase("The browser has no preview of this file", "浏览器无法预览此文件"),
    "close": Phrase("Close", "关闭"),
    "copied": Phrase("Copied", "已复制"),
    "link-copied": Phrase("Link copied", "链接已复制"),
    "previous": Phrase("← Previous", "← 上一张"),
    "following": Phrase("Next →", "下一张 →"),
    "next": Phrase("Next →", "下一步 →"),
    "back": Phrase("← Back", "← 上一步"),
    "done": Phrase("Done", "完成"),
    "skip": Phrase("Skip the tour", "跳过导览"),
    "step": Phrase("{number} of {count}", "第 {number} 步，共 {count} 步"),
    "comma": Phrase(", ", "、"),
    # The seven ideas, with the numbers of what is on the page.
    "idea:scale": Phrase("Scale", "尺度"),
    "tour:scale": Phrase(
        "The model looks at your picture at several sizes at once: {sides}. Each size is a scale, and has one colour "
        "in every chart, map and sentence.",
        "模型同时以几种大小观看您的图片：{sides}。每种大小就是一个尺度，在所有图表、图和句子里都用同一种颜色。",
    ),
    "idea:level": Phrase("Level", "层级"),
    "tour:level": Phrase(
        "A level is the picture at one scale. All levels show the same view, made from the same pixels; the small "
        "ones only see it coarsely, as these frames do.",
        "层级就是某一尺度下的图片。所有层级都由同样的像素制成，展示同样的画面；小层级只能看得粗略，如这几幅图所示。",
    ),
    "idea:vote": Phrase("Vote", "投票"),
    "tour:vote": Phrase(
        "Every small part of every level votes for each class. Weighed and added up, the votes give these answers: "
        "{label} gets {probability}. Click another class, and everything follows.",
        "每个层级的每个小区域都给各个类别投票。加权相加之后得到这些回答：{label} 得到 {probability}。"
        "点击另一个类别，一切都会随之改变。",
    ),
    "idea:gate": Phrase("Gate", "门控"),
    "tour:gate": Phrase(
        "Not every vote counts alike: a gate weighs them for this very picture. The scale at {top} was given {weight} "
        "of all the weight. Open this fold to switch a scale off and see what the model would say.",
        "并非每一票都同样重要：门控为这张图片给各票加权。{top} 尺度得到了全部权重中的 {weight}。"
        "展开这里，关掉一个尺度，看看模型会怎么说。",
    ),
    "idea:ledger": Phrase("Ledger", "账目"),
    "tour:ledger": Phrase(
        "What each scale adds to the answer, in logits. {top} adds most here, {amount}. With the bias the bars add up "
        "to {total}, exactly: nothing is hidden.",
        "每个尺度给回答增加了多少，单位是 logit。这里 {top} 增加最多，为 {amount}。"
        "加上偏置，各条之和恰好是 {total}：没有任何隐藏。",
    ),
    "idea:evidence": Phrase("Evidence", "证据"),
    "tour:evidence": Phrase(
        "The same numbers, laid over the picture where they come from: red speaks for {label}, blue against it. "
        "{map}. Click a map to enlarge it.",
        "同样的数，画在图片中它们的来处：红色支持 {label}，蓝色反对。{map}。点击一幅图可以放大。",
    ),
    "idea:attribution": Phrase("Attribution", "归因"),
    "tour:attribution": Phrase(
        "Other methods ask the same question in other ways; here it is {method}. They may disagree: each says beside "
        "its maps what it promises, and what not.",
        "其他方法用别的方式问同样的问题；这里用的是 {method}。它们的回答可能不一致："
        "每种方法都在图旁写明它保证什么、不保证什么。",
    ),
    # The keyboard.
    "help": Phrase("Keyboard", "键盘操作"),
    "keys": Phrase("Use single keys", "启用单键操作"),
    "forget": Phrase("Reset page and settings", "重置页面与设置"),
    "label:arrows": Phrase.same("← → ↑ ↓"),
    "label:enter": Phrase.same("Enter"),
    "label:escape": Phrase.same("Esc"),
    "label:ctrl+z": Phrase.same("Ctrl + Z"),
    "key:arrows": Phrase("in a list: the next class, scale, map or method", "在列表中：下一个类别、尺度、图或方法"),
    "key:enter": Phrase("choose, or enlarge a map", "选择，或放大一幅图"),
    "key:c": Phrase("to the classes", "转到类别"),
    "key:l": Phrase("to the scales of the ledger", "转到账目中的尺度"),
    "key:e": Phrase("to the evidence maps", "转到证据图"),
    "key:m": Phrase("to the methods", "转到方法"),
    "key:f": Phrase("to the feature maps", "转到特征图"),
    "key:o": Phrase("to the overlay's slider", "转到叠加滑块"),
    "key:u": Phrase("undo the last probe", "撤销上一次探测"),
    "key:ctrl+z": Phrase("undo the last probe", "撤销上一次探测"),
    "key:t": Phrase("start the tour", "开始导览"),
    "key:?": Phrase("this help", "显示本帮助"),
    "key:escape": Phrase("close what is open", "关闭打开的窗口"),
}


# Gradio's own words, some of which it says in English only, and all of which it translates once, on arrival.
GRADIOS = (
    Phrase("Drop an image file here to upload", "将图像文件拖放到此处以上传"),
    Phrase("File upload", "文件上传"),
    Phrase("Upload file", "上传文件"),
    Phrase("Capture from camera", "用摄像头拍摄"),
    Phrase("Paste from clipboard", "从剪贴板粘贴"),
    Phrase("Fullscreen", "全屏"),
    Phrase("Exit fullscreen mode", "退出全屏"),
    Phrase("Remove Image", "移除图片"),
    Phrase("Use via API", "通过 API 使用"),
    Phrase("Gradio footer navigation", "页脚导航"),
)


def script_words(words: Words) -> dict[str, object]:
    """All of it in one language; the scripts fill in the values in braces. ``gradio`` maps words of any language."""
    gradios = {said: words(phrase) for phrase in GRADIOS for said in (phrase.en, phrase.zh)}
    return {"gradio": gradios, **{key: getattr(phrase, words.code) for key, phrase in SCRIPT.items()}}
