"""A question that is asked while the news of the end of the stream of answers is on its way."""

import pytest

from msresnet.explain import Session
from msresnet.ledger import Target

pytest.importorskip("visiting")

pytestmark = pytest.mark.browser

# That news comes half a second after the number of the next question: each has a connection of its own.
LATE_NEWS = """(() => {
  const fetched = window.fetch;
  const late = () => new TransformStream({
    async transform(piece, out) {
      const news = piece.indexOf('data: {"msg":"close_stream"');
      out.enqueue(news < 0 ? piece : piece.slice(0, news));
      if (news < 0) return;
      await new Promise((comes) => { window.newsComes = comes; });
      out.enqueue(piece.slice(news));
    },
  });
  const changed = (response, by) => new Response(response.body.pipeThrough(new TextDecoderStream())
    .pipeThrough(by).pipeThrough(new TextEncoderStream()), response);
  window.newsComes = null;
  window.fetch = async (...request) => {
    const address = request[0].url ?? String(request[0]), response = await fetched(...request);
    if (address.includes('/queue/data')) return changed(response, late());
    if (address.includes('/queue/join') && window.newsComes) setTimeout(window.newsComes, 500, window.newsComes = null);
    return response;
  };
})()"""


def test_a_question_that_meets_the_end_of_its_stream_is_heard(visitor, model, photo):
    visitor.page.add_init_script(LATE_NEWS)
    visitor.open()
    visitor.explain_best(model, photo)
    ranked = Session(model, photo).ledger.top_k(4)
    for place in (1, 2, 3):
        visitor.page.wait_for_function("!!window.newsComes")
        visitor.part("top-k", ".ms-class").nth(place).click()
        visitor.see_answer(model, photo, Target(ranked[place].index))
