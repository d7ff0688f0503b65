"""The methods' titles, promises and cautions in the page's languages; the English ones are the methods' own."""

from ...attribution import METHODS
from .language import Words

# By name of the method: title, promise, caution.
CHINESE = {
    "integrated-gradients": (
        "积分梯度（Integrated Gradients）",
        "从基准走到这张图片，分数增加了多少；每个像素各占其中几分。",
        "份额是相对于基准而言的：换一个基准就得到另一张图。",
    ),
    "grad-cam": (
        "Grad-CAM",
        "某一阶段的哪些单元支持目标；在最后一个阶段没有任何近似。",
        "精细程度只到该阶段的网格，反对目标的部分被截去。",
    ),
    "occlusion": (
        "遮挡（Occlusion）",
        "只在这一层级上用一个窗口遮住这里，分数损失多少 logit。",
        "模型从未见过被遮挡的图片；两处都能看到的东西，遮住任何一处都不会显得缺失。",
    ),
    "saliency": (
        "显著性（Saliency）",
        "某个像素变亮时，分数上升得多快。",
        "斜率不是份额：没有目标的地方也可能很陡。",
    ),
    "input-x-gradient": (
        "输入 × 梯度（Input × Gradient）",
        "像素的亮度乘以该处的斜率：对其份额的初步估计。",
        "这个估计加起来并不等于分数，而黑色像素总是一无所得。",
    ),
    "gradient-shap": (
        "GradientSHAP",
        "在从基准出发的路上随机取点，每个像素份额的期望值。",
        "由随机抽样得到：份额之和只在平均意义上成立。",
    ),
    "deep-lift": (
        "DeepLIFT",
        "与基准之差中每个像素的份额，两者各过一遍网络即得。",
        "如果基准不是平均颜色，窗口重叠的最大池化会破坏总和。",
    ),
    "guided-backprop": (
        "导向反向传播（Guided Backprop）",
        "哪些像素激发了分数所依赖的单元。",
        "很清晰，但几乎不依赖类别或权重（arXiv 1810.03292）：更像一个边缘检测器。",
    ),
    "smooth-grad": (
        "SmoothGrad",
        "对图片的多个加噪副本求平均斜率。",
        "仍然是斜率，而且是加噪图片的斜率，模型从未见过这样的图片。",
    ),
    "var-grad": (
        "VarGrad",
        "从一个加噪副本到另一个，斜率在哪里变化最大。",
        "只说在哪里，不说支持还是反对；几乎不依赖类别。",
    ),
    "guided-grad-cam": (
        "导向 Grad-CAM（Guided Grad-CAM）",
        "在支持目标的单元之内的导向反向传播。",
        "细节来自导向反向传播，几乎不依赖类别；依赖类别的只有位置。",
    ),
    "feature-ablation": (
        "特征消融（Feature ablation）",
        "只在这一层级上遮住一块，分数损失多少 logit。",
        "模型从未见过被遮挡的图片，块的边界也是任意划定的。",
    ),
    "scale-shapley": (
        "各尺度的 Shapley 值",
        "每个尺度给目标的对数概率增加多少，对所有加入顺序取平均。",
        "每个尺度一个数：它说是哪一个，不说在哪里。",
    ),
}


def title(words: Words, name: str) -> str:
    """The method as people read it."""
    return METHODS[name].title if words.is_english else CHINESE[name][0]


def promise(words: Words, name: str) -> str:
    """What its numbers mean."""
    return METHODS[name].promise if words.is_english else CHINESE[name][1]


def caution(words: Words, name: str) -> str:
    """What they do not mean."""
    return METHODS[name].caution if words.is_english else CHINESE[name][2]
