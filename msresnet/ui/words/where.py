"""What the box of a class says."""

from .language import Phrase

RATHER = Phrase("{label} rather than {other}", "{label}（而非{other}）")
SHOW = Phrase("Where it is: box and mask", "位置：方框与区域")
WHERE = Phrase(
    "{label}, by its evidence at all scales together: {region}; the box measures {width} % × {height} % of what the "
    "model sees and holds {inside} % of the evidence for it. The thin line is the mask; the box leans from it towards "
    "the size that things usually have.",
    "{label}，依据所有尺度的证据之和：位于{region}；方框占模型所见画面的 {width}% × {height}%，"
    "包含支持它的证据的 {inside}%。细线是区域的边界；方框由它向物体常见的大小靠拢。",
)
NOWHERE = Phrase("No box: nothing in this picture speaks for {label}.", "没有方框：这张图片中没有任何地方支持{label}。")
CAUTION = Phrase(
    "A box from evidence shows what the answer rests on, which may be a part of the thing or what stands beside it.",
    "由证据得出的方框显示回答所依据的地方，可能只是物体的一部分，也可能是它旁边的东西。",
)
