"""Two languages in a real Chromium."""

import re

import pytest
from visiting import Visitor, expect

from msresnet.ui.words import CHINESE, ENGLISH
from msresnet.ui.words import page as text

pytestmark = pytest.mark.browser


# Everything that is read or read out, but for what is marked as English: names of classes.
SAID = """() => {
  const said = [];
  const isEnglish = (element) => element.closest('[lang=en], script, style, svg, code, kbd');
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const { parentElement, data } = walker.currentNode;
    if (data.trim() && !isEnglish(parentElement)) said.push(data);
  }
  for (const element of document.querySelectorAll('[aria-label], [title], [alt], [placeholder]')) {
    if (isEnglish(element) || element.dataset.class) continue;  // a class's tooltip begins with its name
    for (const name of ['aria-label', 'title', 'alt', 'placeholder']) said.push(element.getAttribute(name) ?? '');
  }
  return said;
}"""
# Two words of English, one after the other.
ENGLISH_WORDS = re.compile(r"[A-Za-z]{2,} [a-z]{2,}")
# Names that Chinese writes in Latin letters.
NAMES = ("Grad-CAM", "Integrated Gradients", "Guided Backprop", "Guided Grad-CAM", "Feature ablation")


def english_on(visitor: Visitor) -> list[str]:
    """What of the page is English and should not be."""
    said = [re.sub("|".join(NAMES), "", one) for one in visitor.page.evaluate(SAID)]
    return [one for one in said if ENGLISH_WORDS.search(one)]


def test_each_of_two_visitors_reads_their_own_language(arrive):
    anna, bert = arrive(CHINESE), arrive(ENGLISH)
    for place in (1, 2):  # as they come, and after both asked something
        for visitor in (anna, bert):
            expect(visitor.part("title")).to_contain_text(visitor.words(text.QUESTION))
            expect(visitor.page.locator("html")).to_have_attribute("lang", visitor.words.tag)
            visitor.part("top-k", ".ms-class").nth(place).click()
            expect(visitor.part("top-k", ".ms-class").nth(place)).to_have_attribute("aria-pressed", "true")
        for visitor in (anna, bert):
            visitor.wait()
    assert english_on(anna) == []
    anna.page.evaluate(
        "document.body.append(Object.assign(document.createElement('p'), {textContent: 'Some English words'}))"
    )
    assert english_on(anna) == ["Some English words"]  # the check sees English


def test_a_chosen_language_covers_errors_and_is_remembered(arrive, tmp_path):
    visitor = arrive(ENGLISH)
    broken = tmp_path / "broken.png"
    broken.touch()
    visitor.part("language", "[data-language=zh]").click()
    visitor.words = CHINESE
    visitor.wait()
    assert english_on(visitor) == []
    expect(visitor.part("against-picker", "input")).to_have_value(CHINESE(text.AVERAGE_CLASS))
    visitor.upload(broken)
    expect(visitor.part("status", "[role=alert]")).to_have_text("'broken.png' 是空文件（0 字节）；请换一个文件。")
    visitor.clear()
    expect(visitor.part("answer")).to_contain_text(CHINESE(text.EMPTY))
    visitor.open()  # another time
    assert english_on(visitor) == []
