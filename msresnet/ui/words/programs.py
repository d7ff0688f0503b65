"""Strings of the panel for programs, and of what can be taken along."""

from .language import Phrase

TITLE = Phrase("For programs and agents", "供程序和智能体使用")
INTRODUCTION = Phrase(
    "What this page does, other programs can ask for. The first picture in the examples is a file of yours.",
    "这个页面能做的事，其他程序也可以请求。示例中的图片是您自己的文件。",
)
ENDPOINT = Phrase("Endpoint", "接口")
TAKES = Phrase("takes", "参数")
GIVES = Phrase("gives", "返回")
EXPLAIN_GIVES = Phrase(
    "explanation.json: classes, what each scale adds, one method", "explanation.json：类别、各尺度的贡献、一种方法"
)
EXPORT_GIVES = Phrase("a ZIP of figures, a PDF, tables and maps", "包含图、PDF、表格和归因图的 ZIP")
BATCH_GIVES = Phrase(
    "for up to {count} pictures the class, the deciding scale and the disagreement",
    "最多 {count} 张图片各自的类别、起决定作用的尺度和分歧",
)
MODELS_GIVES = Phrase("the models and methods that there are", "现有的模型和方法")
SCHEMA = Phrase("What explanation.json holds says its {link}.", "explanation.json 的内容由{link}说明。")
SCHEMA_NAME = Phrase("JSON schema", "JSON 模式")
TOOLS = Phrase(
    "Started with --mcp, the page serves the same as tools over MCP, at {address}.",
    "以 --mcp 启动时，页面还会在 {address} 以 MCP 工具的形式提供同样的功能。",
)
COPY = Phrase("Copy", "复制")
COPY_EXAMPLE = Phrase("Copy the {language} example", "复制 {language} 示例")

EXPORT = Phrase("Download all (ZIP)", "下载全部（ZIP）")
PACKING = Phrase("Drawing the figures", "正在绘制图表")
LINK = Phrase("Copy link", "复制链接")
OCCLUDE_GIVES = Phrase(
    "what changes per class and per scale when the white of a mask is covered; the gate is computed anew",
    "遮住遮罩的白色部分后，各个类别和各个尺度的变化；门控会重新计算",
)
POINT_GIVES = Phrase(
    "what each stage and scale can see at one point, what fires there, and what each channel adds",
    "每个阶段和尺度在某一点能看到什么、哪些通道激活、各通道贡献多少",
)
