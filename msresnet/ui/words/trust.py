"""The trust panel: how far the maps can be believed."""

from ...faithfulness import Direction, Mark
from .language import Phrase

TITLE = Phrase("Can these maps be believed?", "这些图可信吗？")
INTRODUCTION = Phrase(
    "Each map is put to the test on this picture: places are exchanged in its order and in random orders, the "
    "network is made random from the top, and the maps are compared with each other. What fails is marked. What "
    "passes is not thereby proven.",
    "用这张图片逐一检验每张图：按它的顺序和按随机顺序替换各处像素，从顶层起把网络随机化，并让各图相互比较。"
    "未通过的会标出；通过了也不等于证明它是对的。",
)
CHECK_ALL = Phrase("Check all maps, about {seconds} s", "检查所有图，约 {seconds} 秒")
CHECK_ONE = Phrase("Check only {title}, about {seconds} s", "只检查{title}，约 {seconds} 秒")
BASELINE = Phrase("Exchanged for", "替换为")
STOP = Phrase("Stop", "停止")
WORKING = Phrase("Checking how far the maps can be believed", "正在检查这些图有多可信")
WORKING_SENTENCE = Phrase("Checking how far the maps can be believed.", "正在检查这些图有多可信。")
LEFT = Phrase("About {seconds} s left.", "大约还需 {seconds} 秒。")

EVIDENCE = Phrase("Evidence", "证据")
MAP = Phrase("map", "图")
WAYS = {
    Direction.DELETION: Phrase("deletion", "删除"),
    Direction.INSERTION: Phrase("insertion", "插入"),
}
RANDOMISATION = Phrase("random weights", "随机权重")
REST = Phrase("left over, clipped", "剩余与截断")
VERDICT = Phrase("verdict", "结论")
AREA = Phrase("area {area}", "面积 {area}")
BETTER = Phrase("{value} better than chance", "比随机好 {value}")
INTERVAL = Phrase("({low} to {high})", "（{low} 到 {high}）")
CURVE_NAME = Phrase(
    "{way} curve of {map}: the probability goes from {first} to {last}, area {area}; random orders {control}",
    "{map}的{way}曲线：概率从 {first} 到 {last}，面积 {area}；随机顺序 {control}",
)
LIKENESS = Phrase("mean rank correlation {value}", "平均秩相关 {value}")
STRUCTURE = Phrase("structure {value}", "结构相似 {value}")
LIKENESS_NAME = Phrase(
    "{map}: rank correlation with itself while the network is made random: {steps}",
    "{map}：网络逐层随机化时与自身的秩相关：{steps}",
)
LIKENESS_STEP = Phrase("{layer} {value}", "{layer} {value}")
LAYERS = {
    "vote": Phrase("vote", "投票"),
    "stage 4": Phrase("stage 4", "第 4 阶段"),
    "stage 3": Phrase("stage 3", "第 3 阶段"),
    "stage 2": Phrase("stage 2", "第 2 阶段"),
    "stage 1": Phrase("stage 1", "第 1 阶段"),
}
LEFT_OVER = Phrase("{share} % of its sum left over", "总和剩余 {share}%")
NO_SUM = Phrase("promises no sum", "不承诺总和")
CLIPPED = Phrase("{share} % of values, {mass} % of mass clipped", "截断了 {share}% 的数值、{mass}% 的总量")
NOT_CLIPPED = Phrase("nothing clipped", "没有截断")

PASSES = Phrase("Passes every check.", "通过了所有检查。")
MARKS = {
    Mark.FLAT: Phrase("Says nothing: every value is the same.", "什么也没说：所有数值都相同。"),
    Mark.DELETION: Phrase(
        "Deletion: no better than a random order.",
        "删除：并不比随机顺序好。",
    ),
    Mark.INSERTION: Phrase(
        "Insertion: no better than a random order.",
        "插入：并不比随机顺序好。",
    ),
    Mark.RANDOMISATION: Phrase(
        "Hardly changes when the network is made random: it does not show what the network learned.",
        "网络随机化后几乎不变：它显示的不是网络学到的东西。",
    ),
    Mark.RESIDUAL: Phrase(
        "Does not add up to what it promises.",
        "各处之和不等于它所承诺的总和。",
    ),
}
SUMMARY = Phrase(
    "{passed} of {count} maps pass every check, on this picture and for this class.",
    "{count} 张图中有 {passed} 张通过了所有检查；仅就这张图片和这个类别而言。",
)
FAINT = Phrase(
    "The model gives this class only {share}: the curves have little to lose, and say little.",
    "模型只给这个类别 {share} 的概率：曲线几乎没有可失去的，因此也说明不了什么。",
)
AGREEMENT = Phrase("How far the maps agree", "各图之间有多一致")
AGREEMENT_NOTE = Phrase(
    "Spearman's rank correlation of the maps over the field of view: 1 is the same order of places, 0 none in "
    "common, below 0 the opposite. That two agree does not prove them right.",
    "各图在视野上的 Spearman 秩相关：1 表示位置的顺序相同，0 表示毫不相干，负值表示相反。"
    "两张图一致，并不证明它们是对的。",
)
HOW = Phrase(
    "The maps of all scales are laid over the field of view and added up, which gives an order of {patches} × "
    "{patches} patches; slopes are ranked by magnitude. Deletion exchanges the patches for {baseline}, strongest "
    "first, at every scale at once, and a faithful map makes the probability fall soon: a small area. Insertion goes "
    "the other way and wants a large one. The grey line is the mean of {orders} random orders, the grey band where "
    "one more of them would lie in 95 of 100 cases; a map must leave the band on its good side. Exchanged pictures are "
    "unlike any that the model knows, so an area means something beside chance only; scattered patches harm a picture "
    "more than one piece does, so chance is a strong opponent at deletion. Random weights: vote and gate, "
    "then stage after stage down to the stem are made random, in a copy of the model; a map whose ranks still agree "
    "with themselves by {limit} or more on average is marked. Maps that take one pass are watched in {networks} "
    "random networks, the others in one, with fewer steps. What is left over is marked above {residual} %. It took "
    "{seconds} s.",
    "把所有尺度的图叠加到视野上并相加，得到 {patches} × {patches} 个小块的顺序；斜率按大小排序。"
    "删除：从最强处开始，在所有尺度上同时把小块替换为{baseline}；忠实的图会让概率很快下降，即面积小。"
    "插入则相反，面积应大。灰线是 {orders} 个随机顺序的平均，灰带是再来一个随机顺序在 100 次中有 95 次会落入的范围；"
    "一张图必须在好的一侧越出灰带。替换后的图片与模型见过的都不同，因此面积只有与随机相比才有意义；"
    "零散的小块比连成一片的更伤图片，所以在删除中随机是强劲的对手。"
    "随机权重：在模型的一个副本中，先是投票与门控，再逐阶段直到最底层都变为随机；"
    "平均秩相关仍达到 {limit} 或以上的图会被标出。只需一次前向的图用 {networks} 个随机网络检验，其余用一个并减少步数。"
    "剩余超过 {residual}% 会被标出。用时 {seconds} 秒。",
)
