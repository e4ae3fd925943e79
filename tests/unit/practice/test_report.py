import base64
import dataclasses
import hashlib
import re
from html.parser import HTMLParser

import msgspec

from amberlight.practice.recording import svg
from amberlight.practice.report import render, size
from amberlight.practice.story import Line


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.open = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs


def parsed(text):
    page = Page()
    page.feed(text)
    return page


def test_page_says_what_happened(telling):
    page = render(telling)
    for text in ("DRILL", "a denied call came through", "the host has no python3", "AccessDenied", "Harbour Forensics"):
        assert text in page
    assert "req-1" not in page or "history.json" in page
    assert ">missing<" in page
    assert ">present<" in page


def test_page_asks_nobody_and_runs_nothing(telling):
    page = parsed(render(telling))
    assert not {"script", "img", "link", "iframe", "object", "form"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on") or name == "style"]
    assert {value[:1] for name, value in page.attributes if name in ("href", "src")} == {"#"}


def test_policy_allows_exactly_the_style_of_the_page(telling):
    page = render(telling)
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL).group(1)
    wanted = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{wanted}'" in page
    assert "url(" not in style


def test_hostile_names_stay_text(telling):
    evil = '<script>alert(1)</script>"\x1b[2J\u202e'
    card = msgspec.structs.replace(telling.score, case=evil, lab_limits=(evil,))
    hostile = dataclasses.replace(telling, score=card, drill_title=evil, moments=((evil, telling.case.opened),))
    page = render(hostile)
    assert "script" not in parsed(page).tags
    assert "\x1b" not in page
    assert "\u202e" not in page


def test_picture_of_the_story_names_no_server():
    picture = svg([Line(after_s=1.0, tag="lab", text="up & <running>"), Line(after_s=None, tag="", text="end")], "demo")
    assert "up" in picture
    assert "url(" not in re.sub(r"url\(#", "", picture)
    assert re.findall(r"https?://[^\s\"'<]+", picture) == [] or all(
        found.startswith(("http://www.w3.org/", "https://www.textualize.io"))
        for found in re.findall(r"https?://[^\s\"'<]+", picture)
    )


def test_sizes_read_well():
    assert [size(count) for count in (0, 1023, 1024, 5 << 20, 3 << 30)] == [
        "0 B",
        "1023 B",
        "1.0 KiB",
        "5.0 MiB",
        "3.0 GiB",
    ]
