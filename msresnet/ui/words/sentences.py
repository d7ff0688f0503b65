"""Sentences of the layers below, which speak English only, in the page's other languages.

As in gettext the English sentence is the key, with ``{}`` for each value; the values are found
again in the sentence that was raised, and may be sentences or terms of this table themselves.
What an operating system or another library said stays as it was said.
"""

import re
from functools import cache

from ...errors import MsresnetError, UnknownNameError
from .language import Phrase, Words

UNKNOWN = Phrase("There is no {kind} called {name}{hint}", "没有名为 {name} 的{kind}{hint}")
DID_YOU_MEAN = Phrase("; did you mean {names}?", "；您是不是想找 {names}？")
OR = Phrase(" or ", " 或 ")

QUOTED = re.compile(r"""('[^']*'|"[^"]*")""")

# What can be unknown. The kinds of a recipe's fields are the recipe's own words.
KINDS = {
    "ablation": "消融",
    "baseline": "基准",
    "canvas": "画布",
    "class": "类别",
    "example": "示例图片",
    "fill": "填充方式",
    "language": "语言",
    "method": "方法",
    "model": "模型",
    "order": "排序方式",
    "recipe or file": "配方或文件",
    "recipe": "配方",
}

CHINESE = {
    # images
    "The picture": "这张图片",
    "{} is empty (0 bytes); choose another file.": "{0} 是空文件（0 字节）；请换一个文件。",
    "{} is a folder; name a picture inside it.": "{0} 是一个文件夹；请指定其中的图片。",
    "{} is not a regular file; name a picture file.": "{0} 不是普通文件；请指定一个图片文件。",
    "There is no file called {}; check the name.": "没有名为 {0} 的文件；请检查名称。",
    "{} cannot be opened ({}); choose another file.": "无法打开 {0}（{1}）；请换一个文件。",
    "its name is not valid": "文件名无效",
    "{} is not a picture that can be read; save it as {}.": "{0} 不是可以读取的图片；请另存为 {1}。",
    "{} or {}": "{0} 或 {1}",
    "{} is damaged or incomplete; export it again and retry.": "{0} 已损坏或不完整；请重新导出后再试。",
    "{} has no pixels ({} x {}); choose another file.": "{0} 没有像素（{1} x {2}）；请换一个文件。",
    "{} has {} megapixels; the limit is {}. Make it smaller and try again.": (
        "{0} 有 {1} 百万像素，上限是 {2} 百万像素。请缩小后再试。"
    ),
    "over {}": "超过 {0}",
    "{} is {} x {} pixels; the limit for a side is {}. Cut it and try again.": (
        "{0} 为 {1} x {2} 像素，单边上限是 {3} 像素。请裁剪后再试。"
    ),
    "upload_size must be two whole numbers >= 1, got {}": "upload_size 应为两个不小于 1 的整数，实际为 {0}",
    "box must be finite with left < right and top < bottom, got {}": "box 应为有限值，且左 < 右、上 < 下，实际为 {0}",
    "box must be square, got {} x {} px": "box 应为正方形，实际为 {0} x {1} 像素",
    "box must overlap the {} x {} px upload, got {}": "box 应与 {0} x {1} 像素的图片相交，实际为 {2}",
    "fraction must be > 0, got {}; 1 is the largest square inside": (
        "fraction 应大于 0，实际为 {0}；1 表示图中最大的正方形"
    ),
    "side must be at least 1 px, got {}": "边长至少为 1 像素，实际为 {0}",
    "a geometry fits the size it was made for, {}, got a picture of {}": "这个几何变换适用于 {0} 的图片，实际为 {1}",
    "the mode must be RGB, got {}; pass the image through read_image first": (
        "颜色模式应为 RGB，实际为 {0}；请先用 read_image 读取图片"
    ),
    "Only uploaded pictures are explained; upload the file first": "只解释上传的图片；请先上传文件",
    # pyramid, canvas, model, vote
    "a zoom must be in [1/{}, {}], got {}": "缩放应在 [1/{0}, {1}] 之内，实际为 {2}",
    "crop_fraction must be in (0, 1], got {}": "crop_fraction 应在 (0, 1] 之内，实际为 {0}",
    "source_side must be at least 1 px, got {}": "source_side 至少为 1 像素，实际为 {0}",
    "std must be > 0 in every channel, got {}": "每个通道的 std 都应大于 0，实际为 {0}",
    "architecture must be one of {}, got {}": "架构应为 {0} 之一，实际为 {1}",
    "sides must be distinct, ascending and at least 1 px, got {}": "各边长应互不相同、递增且至少为 1 像素，实际为 {0}",
    "base_side must be one of the sides {}, got {}": "base_side 应为 {0} 之一，实际为 {1}",
    "a model needs at least one class, got none": "模型至少需要一个类别，实际一个也没有",
    "dropout must be in [0, 1), got {}": "dropout 应在 [0, 1) 之内，实际为 {0}",
    "not the description of a model: {}": "这不是模型的描述：{0}",
    "gate must be one of {}, got {}": "门控应为 {0} 之一，实际为 {1}",
    "the classifier has {} classes, but {} labels were given": "分类器有 {0} 个类别，但给出了 {1} 个标签",
    "the weights are not a torchvision ResNet ({}): found stages of {} blocks and {} classifier": (
        "这些权重不是 torchvision 的 ResNet（{0}）：各阶段的块数为 {1}，分类器：{2}"
    ),
    "a": "有",
    "no": "没有",
    # tensors, download, checkpoint
    "{} holds another architecture: missing are {}; unexpected are {}": "{0} 是另一种架构：缺少 {1}；多出 {2}",
    "none": "无",
    "{} and {} more": "{0} 等，另有 {1} 个",
    "{} holds another architecture: {} is {}, not {}": "{0} 是另一种架构：{1} 是 {2}，而不是 {3}",
    "{} holds another type: {} must be a float, got {}": "{0} 是另一种类型：{1} 应为浮点数，实际为 {2}",
    "{} holds NaN or infinity, in {}; the training diverged": "{0} 的 {1} 中含有 NaN 或无穷大；训练已发散",
    "max_shard_bytes must be >= {} for {}, got {}": "为容纳 {1}，max_shard_bytes 至少为 {0}，实际为 {2}",
    "{} must name shards as model-00001-of-00002.safetensors; fetch it again": (
        "{0} 中分片的名称应形如 model-00001-of-00002.safetensors；请重新下载"
    ),
    "{} lacks the shard {} that its index names; fetch it again": "{0} 缺少索引中列出的分片 {1}；请重新下载",
    "{} and the shards do not agree on {}; fetch it again": "{0} 与各分片在 {1} 上不一致；请重新下载",
    "weights must be a folder or a {} file, got {}": "权重应为文件夹或 {0} 文件，实际为 {1}",
    "{} is truncated or not a safetensors file ({})": "{0} 不完整，或不是 safetensors 文件（{1}）",
    "{} is damaged, or holds code and not tensors alone; save the model's state_dict() instead": (
        "{0} 已损坏，或除张量之外还含有代码；请改为保存模型的 state_dict()"
    ),
    "{} is truncated or not a torch file; fetch it again": "{0} 不完整，或不是 torch 文件；请重新下载",
    "{} cannot be read ({})": "无法读取 {0}（{1}）",
    "{} is not a state dict, names and tensors; save the model's state_dict()": (
        "{0} 不是由名称和张量组成的 state dict；请保存模型的 state_dict()"
    ),
    "{} is not a checkpoint: it has no {}": "{0} 不是检查点：其中没有 {1}",
    "{} is not JSON ({}); fetch it again": "{0} 不是 JSON（{1}）；请重新下载",
    "{} must hold a JSON object, got a {}": "{0} 应为一个 JSON 对象，实际为 {1}",
    "{} was altered since it was fetched: its SHA-256 is {}…; delete it and {}, and it is fetched again": (
        "{0} 下载后被改动过：它的 SHA-256 是 {1}…；删除它和 {2} 之后会重新下载"
    ),
    "{} gave something else than {}: its SHA-256 is {}…, not {}…; "
    "try again, and if it happens again look for a proxy that answers in the server's place": (
        "{0} 给出的不是 {1}：其 SHA-256 是 {2}…，而不是 {3}…；请重试，若仍如此，请检查是否有代理代替服务器作答"
    ),
    "The connection ended after {} of the {} bytes of {}; try again": (
        "下载 {2} 时连接中断，已收到 {0} 字节，共 {1} 字节；请重试"
    ),
    "The server answered {} ({}) for {}; try again later, {}": "对于 {2}，服务器回答 {0}（{1}）；请稍后再试，{3}",
    "{} sent nothing for {} s; try again later, {}": "{0} 已有 {1} 秒没有响应；请稍后再试，{2}",
    "Could not fetch {} ({}); check the connection to the network, {}": "无法下载 {0}（{1}）；请检查网络连接，{2}",
    "or put {} into the folder that MSRESNET_CACHE names": "或将 {0} 放入 MSRESNET_CACHE 指定的文件夹",
    "Could not write {} to {} ({}); make room, or set MSRESNET_CACHE to a folder with room": (
        "无法将 {0} 写入 {1}（{2}）；请腾出空间，或将 MSRESNET_CACHE 设为有空间的文件夹"
    ),
    "sides must name at least one, got none; leave sides out for the model's own": (
        "至少应给出一个边长，实际一个也没有；省略 sides 即使用模型自己的边长"
    ),
    "There is no file or folder {}; listed models are {}": "没有文件或文件夹 {0}；可选的模型有 {1}",
    "The weights of {} come with the repository and are not here; "
    "set MSRESNET_WEIGHTS to the repository's weights folder": (
        "{0} 的权重随代码仓库提供，但不在这里；请将 MSRESNET_WEIGHTS 设为仓库的 weights 文件夹"
    ),
    "sides must be the checkpoint's {}, got {}; leave them out": "边长应为检查点的 {0}，实际为 {1}；请省略",
    "device must be auto or one of {} here, got {}": "设备应为 auto 或此处的 {0} 之一，实际为 {1}",
    "There is no folder {} here, and it could not be fetched from the Hub ({}); "
    "check the name and the connection to the network": (
        "这里没有文件夹 {0}，也无法从 Hub 下载（{1}）；请检查名称和网络连接"
    ),
    "{} holds something that is not a checkpoint; name another folder": "{0} 中的内容不是检查点；请指定另一个文件夹",
    "{} holds another type: {} must be {}, got {}; write it with save_checkpoint": (
        "{0} 是另一种类型：{1} 应为 {2}，实际为 {3}；请用 save_checkpoint 写入"
    ),
    "{} was altered or is damaged: the SHA-256 of its tensors is {}…, its spec says {}…; fetch the folder again": (
        "{0} 被改动过或已损坏：其张量的 SHA-256 是 {1}…，而说明中是 {2}…；请重新下载该文件夹"
    ),
    "{} is not the spec of an msresnet checkpoint": "{0} 不是 msresnet 检查点的说明文件",
    "{} has format version {}, and this msresnet reads {}; update msresnet": (
        "{0} 的格式版本是 {1}，而当前的 msresnet 只能读取 {2}；请更新 msresnet"
    ),
    "{} must hold {} as a {}, got {}": "{0} 中的 {1} 应为 {2}，实际为 {3}",
    "{} does not describe a model: {}": "{0} 描述的不是模型：{1}",
    "{} is not a torchvision ResNet: it has no stem conv1 or no classifier fc, but {}": (
        "{0} 不是 torchvision 的 ResNet：缺少 conv1 或分类器 fc，而有 {1}"
    ),
    "{} is not a torchvision ResNet: {}": "{0} 不是 torchvision 的 ResNet：{1}",
    # ledger, attribution, probes, explain
    "a class cannot be compared with itself; choose another class B": "一个类别不能与自身比较；请另选一个类别",
    "{} compares with nothing, got the baseline {}; leave it out": "{0} 不需要基准，实际给出了 {1}；请省略",
    "{} looks at pixels, got stage {}; leave the stage out": "{0} 针对像素，实际给出了阶段 {1}；请省略阶段",
    "stage must be 0 to {}, got {}": "阶段应为 0 到 {0}，实际为 {1}",
    "The maps miss {} of the difference to the baseline that they should add up to.": (
        "各图之和本应等于与基准之差，但缺了其中的 {0}。"
    ),
    "{} takes no number of steps, got {}; leave it out": "{0} 没有步数可选，实际给出了 {1}；请省略",
    "steps must be at least 2, got {}": "步数至少为 2，实际为 {0}",
    "none of {} compares with a baseline; leave it out": "{0} 都不需要基准；请省略基准",
    "none of {} looks at a stage's maps; leave the stage out": "{0} 都不看某一阶段的图；请省略阶段",
    "the scope of a check must be one of {}, got {}": "检查的范围应为 {0} 之一，实际为 {1}",
    "The check was cancelled": "检查已取消",
    "{} says which scale, not where, so there is no place to check; leave it out": (
        "{0} 说的是哪个尺度，而不是在哪里，没有位置可供检查；请省略"
    ),
    "a method is checked once, got {}; name each once": "每种方法只检查一次，实际为 {0}；请每种只写一次",
    "one switch and one gain per scale, got {} and {}": "每个尺度应有一个开关和一个增益，实际为 {0} 个和 {1} 个",
    "at least one scale must stay on; switch one on again": "至少要保留一个尺度；请重新打开一个",
    "a gain must be in [0, 2], got {}": "增益应在 [0, 2] 之内，实际为 {0}",
    "the model has {} scales, got {} switches": "模型有 {0} 个尺度，实际有 {1} 个开关",
    "the scales that are left on have no vote in this model; switch another one on": (
        "在这个模型中，留下的尺度没有投票权；请再打开一个"
    ),
    "x and y must be numbers; there was none.": "x 和 y 应为数字，但没有给出。",
    "{} must be a whole number of at least {}, got {}": "{0} 应为不小于 {1} 的整数，实际为 {2}",
    "what the page sent could not be read; reload the page": "无法读取页面发送的内容；请刷新页面",
    "a mask must be (height, width), got the shape {}": "遮罩的形状应为（高，宽），实际为 {0}",
    "a mask must hold numbers or booleans, got {}": "遮罩应由数字或布尔值组成，实际为 {0}",
    "a mask must be in [0, 1], got {} to {}; divide by its maximum": (
        "遮罩应在 [0, 1] 之内，实际为 {0} 到 {1}；请除以其最大值"
    ),
    "a mask's box must be finite with left < right and top < bottom, got {}": (
        "遮罩的范围应为有限值，且左 < 右、上 < 下，实际为 {0}"
    ),
    "the rectangle must overlap the {} x {} px picture, got {}": "矩形应与 {0} x {1} 像素的图片相交，实际为 {2}",
    "the model sees the picture from ({}, {}) to ({}, {}) px, got the point ({}, {}); choose one inside": (
        "模型看到的是图片中 ({0}, {1}) 到 ({2}, {3}) 像素的部分，实际的点为 ({4}, {5})；请选择其中的点"
    ),
    "top_k must be at least 1, got {}": "top_k 至少为 1，实际为 {0}",
    "channels must be at least 0, got {}": "channels 至少为 0，实际为 {0}",
    "Another question was asked": "已有新的提问",
    "The download was given up: nobody waits for it any more": "已放弃下载：没有人在等待它了",
    "The explanation was cancelled": "解释已取消",
    "is_on and gains must be a list each, got {} and {}": "is_on 和 gains 都应为列表，实际为 {0} 和 {1}",
    "a probe needs something to ask, got nothing; add --zoom, --off, --gain or --compare": (
        "probe 需要有所询问，实际什么也没有；请加上 --zoom、--off、--gain 或 --compare"
    ),
    "a scale must be one of {} px, got {}": "尺度应为 {0} 像素之一，实际为 {1}",
    "The zoom response was cancelled": "缩放响应已取消",
    "The picture has changed since it was explained; explain it again": "图片在解释之后被改动过；请重新解释",
    "zooms must be at least two and rise, got {}": "缩放应至少有两个且递增，实际为 {0}",
    "two pictures are compared by one model, got ledgers of two; explain both by the same one": (
        "两张图片应由同一个模型比较，实际的账目来自两个模型；请用同一个模型解释两者"
    ),
    "reach must be above 0 or left out, got {}": "reach 必须大于 0，或者不写，实际为 {0}",
    "power must be at least 1, got {}": "power 至少为 1，实际为 {0}",
    "threshold must be in (0, 1], got {}; it is a share of the maximum": (
        "阈值应在 (0, 1] 之内，实际为 {0}；它是最大值的一个比例"
    ),
    "{} must be in [0, 1], got {}": "{0} 应在 [0, 1] 之内，实际为 {1}",
    # figures and export
    "at most {} scales can be told apart by colour, got {}; use fewer scales": (
        "颜色最多能区分 {0} 个尺度，实际有 {1} 个；请减少尺度"
    ),
    # calibration, the zoom sweep, ablation
    "the base level of {} px cannot be left out": "基准层级 {0} 像素不能省去",
    "a calibration is for the gate 'gated', and this model's is {}": "校准只适用于 'gated' 门控，而该模型的门控是 {0}",
    "the calibration was measured on {} with SHA-256 {}…, and {} has {}…; "
    "calibrate these weights by 'msresnet calibrate'": (
        "该校准是在 SHA-256 为 {1}… 的 {0} 上测得的，而 {2} 为 {3}…；请用 'msresnet calibrate' 校准这组权重"
    ),
    "the calibration was measured with levels of {} px, and this model's have {}; "
    "give it the same sides, or calibrate again": (
        "该校准是用 {0} 像素的层级测得的，而该模型的层级为 {1} 像素；请使用相同的边长，或重新校准"
    ),
    "a calibration's temperature must be > 0, got {}": "校准的温度必须大于 0，实际为 {0}",
    "{} has format version {}, and this msresnet reads {}; update msresnet, or calibrate again": (
        "{0} 的格式版本为 {1}，而当前的 msresnet 读取 {2}；请更新 msresnet，或重新校准"
    ),
    "There is no calibration {}; check the name": "没有校准文件 {0}；请检查名称",
    "{} is damaged or not a calibration; calibrate again": "{0} 已损坏或不是校准文件；请重新校准",
    "only the gate 'gated' can be calibrated, and this model's is {}": (
        "只有 'gated' 门控可以校准，而该模型的门控是 {0}"
    ),
    "a calibration needs at least {} readable pictures, got {}": "校准至少需要 {0} 张可读的图片，实际为 {1} 张",
    "the temperature's zoom must be one that pictures are shown at, got {}": (
        "温度所用的缩放必须是展示图片的缩放之一，实际为 {0}"
    ),
    "with --gate only the temperature is fitted; leave out --zooms, --canvas, --drawn and --seed": (
        "使用 --gate 时只拟合温度；请去掉 --zooms、--canvas、--drawn 和 --seed"
    ),
    "{} has pictures that trained the model and pictures that will judge it, and a calibration needs others; "
    "say by --held-out how many of each class training held out, or name another folder": (
        "{0} 中的图片或用于训练该模型，或将用于评判它，而校准需要别的图片；"
        "请用 --held-out 说明训练时每个类别留出了多少张，或指定另一个文件夹"
    ),
    "zooms must be distinct and at least one, got {} on {} canvases": (
        "缩放倍数至少一个且互不相同，实际为 {0}，画布 {1} 种"
    ),
    "a measurement needs a readable picture, and none of {} files is one": (
        "测量需要可读的图片，而 {0} 个文件中一张也没有"
    ),
    "a batch must fit in the device's memory, got {} renderings; lower --batch-size": (
        "一个批次必须放得进设备内存，实际有 {0} 张渲染图；请调小 --batch-size"
    ),
    "{} keeps votes of another run, which differs in {}; name another folder": (
        "{0} 保存的是另一次运行的投票，不同之处在于 {1}；请指定另一个文件夹"
    ),
    "{} holds something that is not a store of votes; name another folder": (
        "{0} 中的内容不是投票记录；请指定另一个文件夹"
    ),
    "the plain model must know the same classes, in the same order; give one trained on them": (
        "对照的单尺度模型必须认识同样的类别，且顺序相同；请给出一个在这些类别上训练的模型"
    ),
    # data, recipes, training, evaluation
    "an idx file of MNIST must hold bytes, and {} does not begin like one": (
        "MNIST 的 idx 文件应当存放字节，而 {0} 的开头不像这样的文件"
    ),
    "{} should hold {} values and holds {}; fetch it again": "{0} 应有 {1} 个值，实际有 {2} 个；请重新获取",
    "an idx file of MNIST must be readable, and {} is not: {}": "MNIST 的 idx 文件必须可读，而 {0} 不可读：{1}",
    "the data must be MNIST's idx files, and {} does not hold them": "数据应为 MNIST 的 idx 文件，而 {0} 中没有",
    "crop_area must be in (0, 1], got {}": "crop_area 必须在 (0, 1] 内，实际为 {0}",
    "zoom must be two factors, the lesser first, got {}": "zoom 应为两个倍数，小的在前，实际为 {0}",
    "mix needs a cutmix or a mixup above 0, got 0 for both": "mix 需要大于 0 的 cutmix 或 mixup，实际两者都为 0",
    "ema must be in [0, 1), got {}": "ema 必须在 [0, 1) 内，实际为 {0}",
    "growth_from must be in (0, 1], got {}": "growth_from 必须在 (0, 1] 内，实际为 {0}",
    "{} must be a probability, got {}": "{0} 必须是概率，实际为 {1}",
    "the weights to start from are a {}, the recipe's a {}": "起始权重属于 {0}，而配方的网络是 {1}",
    "the weights to start from have statistics for each scale, the recipe's network one for all": (
        "起始权重对每个尺度各有统计量，而配方的网络共用一份"
    ),
    "the weights to start from must be of the recipe's network; {} does not fit": (
        "起始权重必须属于配方所描述的网络；{0} 不匹配"
    ),
    "batch_size must be a multiple of the {} processes, got {}": "batch_size 必须是进程数 {0} 的倍数，实际为 {1}",
    "a search needs held-out pictures; set held_out_per_class in the recipe": (
        "搜索需要留出的图片；请在配方中设置 held_out_per_class"
    ),
    "every trial diverged; lower lr in the recipe, it is {}": "每次尝试都发散了；请调低配方中的 lr，现为 {0}",
    "the data must be a folder of class folders, got {}, which is none": (
        "数据应为由类别文件夹组成的文件夹，而 {0} 不是"
    ),
    "a classifier needs at least two class folders, found {} in {}": (
        "分类器至少需要两个类别文件夹，在 {1} 中只找到 {0} 个"
    ),
    "no picture was found in the class folders of {}": "在 {0} 的类别文件夹中没有找到图片",
    "every class needs a readable picture; none is left in {}": "每个类别都需要一张可读的图片；{0} 中一张也没有",
    "scale_dropout needs {} values, one per side, got {}": "scale_dropout 需要 {0} 个值，每个边长一个，实际为 {1}",
    "epochs and batch_size must be at least 1, got {} and {}": "epochs 和 batch_size 至少为 1，实际为 {0} 和 {1}",
    "a recipe must be a JSON file, and {} is none: {}": "配方应为 JSON 文件，而 {0} 不是：{1}",
    "field of the {}": "{0} 的字段",
    "{} must be {}, got {}": "{0} 应为 {1}，实际为 {2}",
    "a whole number": "整数",
    "a number": "数",
    "true or false": "true 或 false",
    "a text": "文本",
    "a list": "列表",
    "a name": "名称",
    "an object of fields": "由字段组成的对象",
    "a batch takes {} pictures, the training set has {}; lower batch_size or held_out_per_class in the recipe": (
        "一个批次需要 {0} 张图片，训练集只有 {1} 张；请在配方中减小 batch_size 或 held_out_per_class"
    ),
    "{} was made by another recipe, which differs in {}; train to another folder": (
        "{0} 由另一个配方产生，不同之处为 {1}；请训练到另一个文件夹"
    ),
    "precision must be one of {}, got {}": "precision 必须是 {0} 之一，实际为 {1}",
    "the loss must be a number, got {} at step {}; lower lr in the recipe": (
        "损失应为一个数，但在第 {1} 步为 {0}；请在配方中减小 lr"
    ),
    "batch_size must be at least 1, got {}": "batch_size 至少为 1，实际为 {0}",
    "an evaluation needs a readable picture, and none of {} files is one": (
        "评估至少需要一张可读的图片，而 {0} 个文件中一张也没有"
    ),
    "a batch must fit in the device's memory, got {} pictures; lower --batch-size": (
        "一个批次应能放入设备内存，实际有 {0} 张图片；请减小 --batch-size"
    ),
    "every class folder must be named by a label of the model or its WordNet id, but the model does not know "
    "{} of {} ({}); did you mean {}?": (
        "每个类别文件夹应以模型的标签或 WordNet 编号命名，但 {1} 个中有 {0} 个模型不认识（{2}）；您是不是想找 {3}？"
    ),
    "evaluating needs torchmetrics, which is not installed; run: pip install 'msresnet[train]'": (
        "评估需要 torchmetrics，但尚未安装；请运行：pip install 'msresnet[train]'"
    ),
    # commands, page
    "training needs {}, which is not installed; run: pip install 'msresnet[train]'": (
        "训练需要 {0}，但尚未安装；请运行：pip install 'msresnet[train]'"
    ),
    "{} already holds a training run; go on with it by --resume, or choose another --out": (
        "{0} 中已有一次训练；请用 --resume 继续，或另选 --out"
    ),
    "{} cannot be made a folder ({}); choose another": "无法建立文件夹 {0}（{1}）；请另选一个",
    "{} cannot be written ({}); choose another place": "无法写入 {0}（{1}）；请另选一处",
    "the page cannot be served on port {}: {}; choose another --port": (
        "无法在端口 {0} 上提供页面：{1}；请另选 --port"
    ),
    "a class must be 0 to {}, got {} and {}": "类别应为 0 到 {0}，实际为 {1} 和 {2}",
    "the switches' positions could not be read; reload the page": "无法读取开关的位置；请重新加载页面",
    # the list of models
    "MS-ResNet-10 for the ten digits of MNIST; the first example of the field": (
        "认识 MNIST 的十个数字的 MS-ResNet-10；这一领域的第一个例子"
    ),
    "CC BY-SA 3.0, as the digits (weights/LICENSE.md)": "CC BY-SA 3.0，与这些数字相同（weights/LICENSE.md）",
    "MS-ResNet-18 for the 200 things of Tiny-ImageNet; small, quick, needs no network": (
        "认识 Tiny-ImageNet 的 200 种事物的 MS-ResNet-18；小而快，无需联网"
    ),
    "torchvision's ResNet-50 at four scales for the 1,000 things of ImageNet": (
        "torchvision 的 ResNet-50，四个尺度，认识 ImageNet 的 1,000 种事物"
    ),
    "torchvision's ResNet-101 at four scales for the 1,000 things of ImageNet": (
        "torchvision 的 ResNet-101，四个尺度，认识 ImageNet 的 1,000 种事物"
    ),
    "trained here; in weights/": "由本项目训练；位于 weights/",
    "torchvision, fetched on first use": "来自 torchvision，首次使用时下载",
    "ImageNet's terms, for non-commercial research and education (weights/LICENSE.md)": (
        "ImageNet 的条款：限非商业的研究与教育用途（weights/LICENSE.md）"
    ),
    "BSD-3-Clause (torchvision); ImageNet's pictures are for research, not for commerce": (
        "BSD-3-Clause（torchvision）；ImageNet 的图片供研究使用，不供商业使用"
    ),
    # batch, folders, processes, programs
    "a batch must have 1 to {} pictures, got none; add some": "一批应有 1 至 {0} 张图片，实际一张也没有；请添加图片",
    "a batch must have at most {} pictures, got {}; leave out {}": "一批最多 {0} 张图片，实际为 {1} 张；请去掉 {2} 张",
    "The batch was cancelled": "这一批已取消",
    "a folder must hold pictures ({}), and there is none in {}": "文件夹中应有图片（{0}），而 {1} 中一张也没有",
    "explanations go to another folder than the pictures', and --out is {}; choose another": (
        "解释应写入与图片不同的文件夹，实际 --out 为 {0}；请换一个"
    ),
    "several processes share their work by accelerate, which is not installed; "
    "run: pip install 'msresnet[train]', or start one process": (
        "多个进程由 accelerate 分工，而它尚未安装；请运行：pip install 'msresnet[train]'，或只启动一个进程"
    ),
    "There is nothing to download yet; give it a picture first": "还没有可下载的内容；请先给它一张图片",
    "Send a picture; there was none.": "请发送一张图片；这次没有收到。",
    "{} must be a whole number of at least {}; there was none.": "{0} 应为不小于 {1} 的整数；这次没有给出。",
    "tools need the package mcp, which is not installed; run: pip install 'msresnet[mcp]'": (
        "工具接口需要 mcp 包，而它尚未安装；请运行：pip install 'msresnet[mcp]'"
    ),
}


def sentence(words: Words, english: str) -> str:
    """A sentence of a lower layer in the visitor's language; as it is where the table lacks it."""
    if words.is_english or QUOTED.fullmatch(english):  # a name in quotes is no sentence
        return english
    for pattern, template in patterns():
        found = pattern.fullmatch(english)
        if found:
            return template.format(*(sentence(words, value) for value in found.groups()))
    return english


def is_known(english: str) -> bool:
    """Whether the table has this sentence."""
    return any(pattern.fullmatch(english) for pattern, _ in patterns())


def error_sentence(words: Words, error: MsresnetError) -> str:
    """What an error says, in the visitor's language."""
    if words.is_english or not isinstance(error, UnknownNameError):
        return sentence(words, str(error))
    names = words(OR).join(map(repr, error.nearest))
    hint = words(DID_YOU_MEAN, names=names) if names else ""
    kind = KINDS.get(error.kind) or sentence(words, error.kind)
    return words(UNKNOWN, kind=kind, name=repr(error.name), hint=hint)


@cache
def patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """English as patterns, with Chinese as templates; the one that leaves least open comes first."""
    ordered = sorted(CHINESE.items(), key=lambda pair: (-len(pair[0].replace("{}", "")), pair[0]))
    return tuple(
        (re.compile("(.+?)".join(map(re.escape, english.split("{}"))), re.DOTALL), chinese)
        for english, chinese in ordered
    )
