"""A visitor who comes to the page in a real Chromium asks nobody else, and who leaves is forgotten."""

import json
import queue
import re

import pytest
from visiting import PATIENCE_S, Visitor

pytestmark = pytest.mark.browser


def test_a_first_visit_asks_nobody_but_this_server(browser, address):
    context = browser.new_context()
    page, asked = context.new_page(), []
    page.on("request", lambda request: asked.append((request.resource_type, request.url)))
    guest = Visitor(page, address).open()
    guest.settle()
    linked = page.locator("link[rel~=preconnect], link[rel~=dns-prefetch]").evaluate_all("all => all.map(e => e.href)")
    styled = page.evaluate("[...document.fonts].map(font => font.status)")
    guest.leave()
    context.close()
    assert {"document", "script", "stylesheet", "fetch"} <= {kind for kind, _ in asked}
    strangers = [url for _, url in asked if not url.startswith((f"{address}/", "data:", "blob:"))]
    assert strangers == [] and linked == [] and "error" not in styled
    assert guest.problems == []


def test_who_leaves_is_forgotten(arrive, server, model, drawing, monkeypatch):
    forget, forgotten = server.visits.forget, queue.Queue()
    monkeypatch.setattr(server.visits, "forget", lambda visitor: (forget(visitor), forgotten.put(visitor)))
    guest = arrive()
    with guest.page.expect_request(re.compile("queue/join")) as asked:
        guest.upload(drawing)
    guest.see_answer(model, drawing)
    name = json.loads(asked.value.post_data)["session_hash"]
    assert server.visits.get(name).session is not None
    guest.leave()
    while forgotten.get(timeout=PATIENCE_S) != name:
        pass  # someone of an earlier test, whose leaving is told late
    assert server.visits.get(name).session is None
