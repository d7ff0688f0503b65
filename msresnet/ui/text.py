"""Every sentence of the page. Words before jargon; a number never comes without its unit."""

TITLE = "msresnet"
QUESTION = "Which scale made the model say this, and where?"

DROP = "Drop, paste or choose a picture"
EXAMPLES = "Or try one of these"
ANSWER = "What it sees"
LEDGER = "Which scale says so"
EVIDENCE = "Where the evidence lies"
ATTRIBUTIONS = "Another method's opinion"
FEATURES = "What each scale's features look like"
ABOUT = "About this model"

CLASS = "Explain this class"
AGAINST = "compared with"
AVERAGE_CLASS = "the average class"
METHOD = "Method"
MODEL = "Model"
OPACITY = "Overlay"
WHAT_IF = "What if a scale were off, or spoke louder?"
RESET = "Reset"
WHAT_IF_ON = "What if:"
WHAT_IF_NOTE = (
    "Answer, ledger and evidence follow at once, from the votes that were already cast. Off: the other scales share "
    "its weight. A gain multiplies a scale's votes and leaves the weights as they are. The maps of other methods and "
    "the feature maps stay as they were."
)

EMPTY = "Give it a picture: the answer appears here, and everything below follows it."
BUG = "Something went wrong on our side. The details are in the server's log; please try another picture."
READY = "Ready"
WORKING_ANSWER = "Reading the picture and asking every scale"
LOADING = "Loading {name}; its weights are fetched once and then kept"
WORKING_FEATURES = "Ordering the feature maps by what they add"
NO_EVIDENCE = "No evidence here: every map is zero everywhere."
FLAT = "no evidence"

# What the numbers of a map are, for the methods whose numbers are not logits.
LOGITS = "logits"
SLOPE = "logits per unit of brightness"
UNITS = {
    "saliency": SLOPE,
    "smooth-grad": SLOPE,
    "guided-backprop": SLOPE,
    "var-grad": "squares of logits per unit of brightness",
    "guided-grad-cam": "slope times Grad-CAM",
    "scale-shapley": "log-probability",
}

LEDGER_NOTE = (
    "Each bar is what one scale adds to the logit of this class, above what it adds to the average class. "
    "With the bias the bars add up to the total, exactly."
)
LEDGER_NOTE_AGAINST = (
    "Each bar is what one scale adds to the logit of the first class more than to that of the second. "
    "With the difference of the biases the bars add up to the total, exactly."
)
EVIDENCE_NOTE = (
    "One frame per scale, each on the pixels which that scale was given. A tinted square is one cell of the last "
    "feature map, drawn where its receptive field is centred: red speaks for the class, blue against it. "
    "The squares of a frame add up to its bar above. Receptive fields are wider than the squares."
)
FEATURES_NOTE = (
    "The channels that add most to the class, strongest first; below each what it adds, in logits. "
    "Exact in stage 4, to first order before. Brightness is relative to each channel's own maximum. "
    "Click one to enlarge it."
)
LINKS_NOTE = (
    "In this model neighbouring scales exchange features after stages 2 and 3, so a scale's map also holds "
    "something of its neighbours'."
)
GATE_NOTE = "The weights of the votes are held as they are for this picture."


def scale_name(index: int, count: int) -> str:
    """What a scale is called in a sentence."""
    if count == 1:
        return "only"
    if count == 3:
        return ("small", "middle", "large")[index]
    if index in (0, count - 1):
        return "smallest" if index == 0 else "largest"
    return f"{('second', 'third', 'fourth')[index - 1]}"


def percent(share: float) -> str:
    """A probability in whole per cent, honest at both ends."""
    if 0 < share < 0.01:
        return "< 1 %"
    if 0.99 < share < 1:
        return "> 99 %"
    return f"{round(100 * share)} %"
