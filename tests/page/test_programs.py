"""What the page shows to those who write programs."""

import pytest
from visiting import expect

from msresnet.explain import Session
from msresnet.ui.programs import examples_of

pytestmark = pytest.mark.browser


RUN = """async ([code, bytes]) => {
  const file = new File([new Uint8Array(bytes)], 'drawing.png', {type: 'image/png'});
  const lines = [];
  const console = {log: (...values) => lines.push(values)};
  await eval(`(async () => {${code}})()`);
  return lines;
}"""


def test_the_examples_name_this_server_and_the_javascript_one_works(visitor, server, model, address, drawing):
    visitor.part("programs", "> button").click()
    expect(visitor.part("programs", "pre code")).to_contain_text([address] * 3)
    shown = visitor.part("programs", "pre code").all_inner_texts()
    examples = examples_of(server.name, address=address).values()
    assert [code.strip() for code in shown] == [code.strip() for code in examples]
    ((label, contributions),) = visitor.page.evaluate(RUN, [shown[2], list(drawing.read_bytes())])
    session = Session(model, drawing)
    best = session.ledger.top_k(1)[0]
    assert label == best.label
    assert contributions == pytest.approx(best.contributions, abs=1e-5)
    visitor.part("programs", "> button").click()
