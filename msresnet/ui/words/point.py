"""One point of the picture: who sees it, what fires there, what that adds."""

from .language import Phrase

TITLE = Phrase("What does the model see at one point?", "在某一点上，模型看到了什么？")
INTRODUCTION = Phrase(
    "Click the picture, here or above, or any map. The boxes are all that a cell there can see, one for each scale.",
    "点击这里或上方的图片，或任意一张图。方框是该处的一个单元能看到的全部范围，每个尺度一个。",
)
KEYS = Phrase(
    "Keyboard: arrow keys move the point, with Shift farther.", "键盘：方向键移动该点，按住 Shift 移动得更远。"
)
STAGE_PICTURE = Phrase("The picture, to choose a point on", "可以选点的图片")
PLACE = Phrase("Point at {x}, {y} px of the picture", "图片上的点：{x}, {y} 像素")
NO_POINT = Phrase("No point is chosen yet.", "还没有选点。")
STAGES = Phrase("Stage", "阶段")
STAGE = Phrase("stage {number}", "第 {number} 阶段")
EXACT = Phrase(
    "Exact: gate × weight × feature / temperature; all channels of a cell add up to its evidence.",
    "精确值：门控 × 权重 × 特征 / 温度；一个单元的所有通道之和等于它的证据。",
)
FIRST_ORDER = Phrase(
    "To first order: gradient × activation. The layers after this stage are not linear, so these do not add up.",
    "一阶近似：梯度 × 激活。此阶段之后的层不是线性的，因此各项之和不等于总数。",
)
CELL = Phrase("cell {row}, {column} of {rows} × {columns}", "单元 {row}, {column}（共 {rows} × {columns}）")
FIELD = Phrase("can see {width} × {height} px of the picture", "能看到图片的 {width} × {height} 像素")
FIELD_TITLE = Phrase(
    "{left} to {right} and {top} to {bottom} px of the {side} px level",
    "{side} 像素层级上横向 {left} 到 {right}、纵向 {top} 到 {bottom} 像素",
)
INFLUENCE = Phrase("90 % of the influence within {width} × {height} px", "90% 的影响在 {width} × {height} 像素之内")
FIRING = Phrase("{count} of {all} channels fire", "{all} 个通道中有 {count} 个激活")
TOTAL = Phrase("{amount} logits in all", "合计 {amount} logit")
CHANNEL = Phrase(
    "stage {stage}, {side} px, channel {channel}: activation {activation} at the point, {amount} logits",
    "第 {stage} 阶段，{side} 像素，通道 {channel}：该点激活值 {activation}，{amount} logit",
)
CHANNELS_OF = Phrase("{side} px channels at the point", "{side} 像素尺度在该点的通道")
ENLARGE = Phrase("Enlarge {what}", "放大 {what}")
STRONGEST = Phrase(
    "What the channels at this point add to {label}, strongest first, in logits.",
    "该点各通道对 {label} 的贡献，从强到弱，单位为 logit。",
)
AGAINST = Phrase("{label} rather than {other}", "{label}（而不是 {other}）")
NOTE = Phrase(
    "At each scale the cell is read whose centre is nearest to the point. A solid box is its receptive field, from "
    "kernels, strides and padding: nothing outside can change the cell. A dashed box holds the middle 90 % of the "
    "influence along each axis, by gradient. The little maps show the whole channel, the dot is the cell. The gate "
    "is held as it is for this picture.",
    "在每个尺度上，读取中心离该点最近的单元。实线框是它的感受野，由卷积核、步幅和填充推算：框外的任何像素都不能改变该单元。"
    "虚线框按梯度计算，沿每个轴包含中间 90% 的影响。小图显示整个通道，圆点是该单元。门控保持为这张图片的值。",
)
LINKS = Phrase(
    "Neighbouring scales exchange features after stages 2 and 3: from there on a cell also sees its neighbours' "
    "levels; the box is the one on its own.",
    "相邻尺度在第 2、3 阶段之后交换特征：此后一个单元也能看到邻近层级；方框只表示它自己的层级。",
)
LAYER_VOTES = Phrase(
    "Stage 3 votes too in this model: a cell's evidence is the sum here and the vote of the stage 3 cells around it.",
    "在这个模型中，第 3 阶段也投票：一个单元的证据等于此处之和加上它周围第 3 阶段单元的投票。",
)
