"""How programs ask for what the page does: endpoints, and examples that work as they stand."""

import base64
from html import escape
from importlib.resources import files

import gradio as gr

from ..batch import MAX_PICTURES
from .spoken import Spoken
from .words import Phrase, Words
from .words import programs as text

# In what is sent to the browser; there it becomes the address under which the page was opened.
ADDRESS = "http://127.0.0.1:7860"
PYTHON = """from gradio_client import Client, handle_file

client = Client("{address}")
explanation = client.predict(
    image=handle_file("photo.jpg"),
    model="{model}",
    method="integrated-gradients",
    top_k=5,
    api_name="/explain",
)
best = explanation["top_k"][0]
print(best["label"], best["probability"], best["contributions"])
"""
CURL = """URL={address}/gradio_api
FILE=$(curl -s -F files=@photo.jpg $URL/upload | tr -d '[]"')
DATA='{{"data": [{{"path": "'$FILE'", "meta": {{"_type": "gradio.FileData"}}}}, "{model}", "grad-cam", 5]}}'
EVENT=$(curl -s -H "Content-Type: application/json" -d "$DATA" $URL/call/explain | cut -d '"' -f 4)
curl -s -N $URL/call/explain/$EVENT
"""
JAVASCRIPT = """const url = "{address}/gradio_api";
const form = new FormData();
form.append("files", file); // a File, for instance of an <input type="file">
const [path] = await (await fetch(`${{url}}/upload`, {{ method: "POST", body: form }})).json();
const data = [{{ path, meta: {{ _type: "gradio.FileData" }} }}, "{model}", "integrated-gradients", 5];
const call = {{ method: "POST", headers: {{ "Content-Type": "application/json" }}, body: JSON.stringify({{ data }}) }};
const {{ event_id }} = await (await fetch(`${{url}}/call/explain`, call)).json();
const answer = await (await fetch(`${{url}}/call/explain/${{event_id}}`)).text();
const [explanation] = JSON.parse(answer.trim().split("data: ").pop());
console.log(explanation.top_k[0].label, explanation.top_k[0].contributions);
"""
EXAMPLES = {"Python": PYTHON, "curl": CURL, "JavaScript": JAVASCRIPT}
ENDPOINTS: tuple[tuple[str, str, Phrase], ...] = (
    ("/explain", "image, model, method, top_k", text.EXPLAIN_GIVES),
    ("/export", "image, model, methods, target, against, top_k", text.EXPORT_GIVES),
    ("/batch", "images, model, order", text.BATCH_GIVES),
    ("/occlude", "image, mask, model, fill, keep, seed, target, against, top_k", text.OCCLUDE_GIVES),
    ("/point", "image, x, y, model, target, against, channels", text.POINT_GIVES),
    ("/models", "", text.MODELS_GIVES),
)

# Also after another language has replaced the text.
SHOW_ADDRESS = f"""
const own = location.origin + location.pathname.replace(/\\/+$/, '');
const show = () => element.querySelectorAll('code').forEach((code) => {{
  if (code.textContent.includes('{ADDRESS}')) code.textContent = code.textContent.replaceAll('{ADDRESS}', own);
}});
if (own !== '{ADDRESS}') {{
  show();
  new MutationObserver(show).observe(element, {{childList: true, subtree: true}});
}}
"""


def examples_of(model: str, *, address: str = ADDRESS) -> dict[str, str]:
    """A working example in each language."""
    return {language: code.format(address=address, model=model) for language, code in EXAMPLES.items()}


def programs_html(model: str, words: Words) -> str:
    """The panel."""
    rows = "".join(
        f"<tr><th scope=row><code>{name}</code></th><td>{arguments}</td>"
        f"<td>{escape(words(gives, count=MAX_PICTURES))}</td></tr>"
        for name, arguments, gives in ENDPOINTS
    )
    head = "".join(f"<th scope=col>{words(one)}</th>" for one in (text.ENDPOINT, text.TAKES, text.GIVES))
    blocks = "".join(
        f'<div class="ms-code"><div><h3>{language}</h3><button type="button" class="ms-reset" data-copy '
        f'aria-label="{words(text.COPY_EXAMPLE, language=language)}">{words(text.COPY)}</button></div>'
        f'<pre tabindex="0"><code>{escape(code)}</code></pre></div>'
        for language, code in examples_of(model).items()
    )
    link = f'<a href="{schema_uri()}" download="explanation.schema.json">{words(text.SCHEMA_NAME)}</a>'
    tools = words(text.TOOLS, address=f"<code>{ADDRESS}/gradio_api/mcp/</code>")
    return (
        f'<div class="ms-programs"><p>{words(text.INTRODUCTION)}</p>'
        f'<div class="ms-table" tabindex="0"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
        f"{blocks}<p>{words(text.SCHEMA, link=link)} {tools}</p></div>"
    )


def layout(model: str, spoken: Spoken) -> None:
    """The panel as a closed fold."""
    with spoken(
        gr.Accordion,
        lambda words: {"label": words(text.TITLE)},
        open=False,
        elem_id="programs",
        elem_classes=["ms-section", "ms-fold"],
    ):
        spoken(gr.HTML, lambda words: {"value": programs_html(model, words)}, js_on_load=SHOW_ADDRESS)


def schema_uri() -> str:
    """The schema of explanation.json, to be kept by a click."""
    content = files("msresnet").joinpath("explanation.schema.json").read_bytes()
    return f"data:application/json;base64,{base64.b64encode(content).decode()}"
