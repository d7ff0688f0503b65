"""For those who do not see the page, or have no mouse."""

from itertools import pairwise

import pytest
from expecting import assert_answers
from visiting import expect

from msresnet.explain import Session
from msresnet.ledger import Target

pytestmark = pytest.mark.browser


NAMELESS = """() => {
  const named = element => {
    const by = id => document.getElementById(id)?.textContent.trim();
    return element.getAttribute('aria-label')?.trim()
      || (element.getAttribute('aria-labelledby') ?? '').split(' ').map(by).join('')
      || [...(element.labels ?? [])].map(label => label.textContent.trim()).join('')
      || element.getAttribute('title')?.trim()
      || (element.tagName === 'BUTTON' && element.textContent.trim())
      || (element.tagName === 'IMG' && element.hasAttribute('alt'));
  };
  const all = document.querySelectorAll('button, img, input, select, textarea, [role=img], [role=button]');
  return [...all].filter(element => !named(element) && !element.closest('.toast-body'))  // Gradio's
    .map(element => element.outerHTML.slice(0, 200));
}"""


def test_everything_that_can_be_used_has_a_name(visitor):
    assert visitor.page.evaluate(NAMELESS) == []


def test_the_check_for_names_sees_a_nameless_button(visitor):
    visitor.page.evaluate("document.body.append(document.createElement('button'))")
    assert visitor.page.evaluate(NAMELESS) == ["<button></button>"]
    visitor.page.evaluate("document.querySelector('body > button').remove()")


def test_the_status_is_announced(visitor):
    status = visitor.part("status", "[aria-live=polite]")
    expect(status).to_have_count(1)
    expect(status).to_have_attribute("role", "status")


def test_headings_lead_through_the_page(visitor):
    levels = visitor.page.locator("h1, h2, h3, h4").evaluate_all("all => all.map(e => +e.tagName[1])")
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_a_class_is_chosen_without_a_mouse(visitor, model, photo):
    visitor.explain(model, photo)
    second = visitor.part("top-k", ".ms-class").nth(1)
    second.focus()
    visitor.page.keyboard.press("Enter")
    assert_answers(visitor, model, photo, Target(Session(model, photo).ledger.top_k(2)[1].index))
