#!/usr/bin/env python3
"""The dashboard in headless Chromium, as people use it, over a service of a bundle.

Every view by mouse and by keyboard, light and dark, an item whose title is markup, the key prompt,
/docs; no error on the console, nothing that the content-security policy had to stop, no request
to anywhere else. Ends with 1 at the first thing that is not so.

usage: dashboard-test.py SEMREC BUNDLE [--pictures DIR]
needs: playwright for Python, and chromium (or CHROMIUM=/path/to/it)
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

MARKUP = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
PERSON = "dashboard tester / 7"


class Service:
    """A running service; `said` is its first line."""

    def __init__(self, semrec, bundle, store):
        words = [semrec, "serve", bundle, "--listen", "127.0.0.1:0", "--store", f"sqlite:{store}"]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        said = self.process.stdout.readline()
        found = re.match(r"(http://\S+) serves", said)
        assert found, f"the service says '{said}'"
        self.url = found.group(1)

    def ask(self, method, path, body=None, key=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method)
        if key:
            request.add_header("Authorization", f"Bearer {key}")
        with urllib.request.urlopen(request) as reply:
            return json.load(reply)

    def end(self):
        self.process.terminate()
        assert self.process.wait(30) == 0, "the service did not end well"


class Visit:
    """A page, and all that goes wrong on it."""

    def __init__(self, browser, service, pictures, scheme, expected=()):
        self.service, self.pictures, self.scheme = service, pictures, scheme
        self.expected = expected
        context = browser.new_context(color_scheme=scheme, viewport={"width": 1280, "height": 860})
        self.page = context.new_page()
        self.page.set_default_timeout(60_000)
        self.wrong, self.elsewhere = [], []
        self.page.on("console", self.told)
        self.page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        self.page.on("request", self.asked)
        self.page.add_init_script(
            "document.addEventListener('securitypolicyviolation', e => console.error('stopped by the policy: ' + e.violatedDirective + ' ' + e.blockedURI))"
        )

    def told(self, message):
        if message.type in ("error", "warning") and not any(e in message.text for e in self.expected):
            self.wrong.append(message.text)

    def asked(self, request):
        if not request.url.startswith((self.service.url, "data:")):
            self.elsewhere.append(request.url)

    def open(self, path):
        return self.page.goto(self.service.url + path)

    def picture(self, name):
        if self.pictures:
            self.page.screenshot(path=self.pictures / f"{name}-{self.scheme}.png")

    def close(self):
        assert not self.wrong, f"on the console: {self.wrong}"
        assert not self.elsewhere, f"asked elsewhere: {self.elsewhere}"
        self.page.context.close()


expect.set_options(timeout=20_000)


def step(text):
    print(f"  {text}", flush=True)


def filled(service):
    """A person with events, and an item with a title that would do harm as markup."""
    found = service.ask("POST", "/v1/recommend", {"k": 6})["items"]
    liked = [item["item"] for item in found[:4]]
    service.ask("PUT", "/v1/items/harm%2F1", {"title": MARKUP, "genres": ["<b>Bold</b>"]})
    for item in [*liked, "harm/1"]:
        service.ask("POST", "/v1/events", {"user_id": PERSON, "item_id": item})
    return found


def searched(visit, word):
    page = visit.page
    page.locator("body").press("/")
    field = page.get_by_label("Search the catalogue")
    expect(field).to_be_focused()
    field.type(word)
    expect(page.locator(".cards .why").first).to_be_visible()
    expect(page).to_have_url(re.compile("#/search\\?q="))
    visit.picture("search")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    second = page.locator(".cards > li").nth(1).locator(".head .title")
    expect(second).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("#/item/"))
    expect(page.locator("dl.fields dt").first).to_be_visible()
    expect(page.locator(".cards > li")).to_have_count(12)
    expect(page.locator(".reasons .bars i").first).to_be_visible()
    visit.picture("item")
    page.go_back()
    expect(field).to_have_value(word)
    page.get_by_label("Filter").fill("nonsense = 1")
    expect(page.get_by_role("alert")).to_contain_text("which no item has")


def looked_up(visit):
    page = visit.page
    page.locator("h1").click()
    page.keyboard.press("2")
    page.get_by_label("Id of a person").fill(PERSON)
    expect(page.locator(".events li")).to_have_count(5)
    expect(page.locator(".events li").first).to_contain_text("<img src=x")
    expect(page.locator(".cards > li")).to_have_count(10)
    expect(page.locator(".cards .why").first).to_be_visible()
    visit.picture("person")
    page.get_by_label("Id of a person").fill("nobody at all")
    expect(page.get_by_role("alert")).to_contain_text("nothing is known of user 'nobody at all'")


def played(visit, items):
    page = visit.page
    page.locator("h1").click()
    page.keyboard.press("3")
    likes, unwanted = page.get_by_label("Liked", exact=True), page.get_by_label("Not wanted")
    for item in items[:2]:
        page.get_by_label("Find items").fill(item["title"])
        page.locator(".found li", has_text=item["title"]).get_by_text("like", exact=True).first.click()
        expect(likes).to_contain_text(item["title"])
    page.get_by_label("Find items").fill("")
    # The list of one like is not the list of two.
    expect(page.get_by_label("Recommendations")).to_have_attribute("aria-busy", "false")
    expect(page.locator(".cards .why").first).to_be_visible()
    first = page.locator(".cards > li").first
    name = first.locator(".head .title").inner_text()
    first.get_by_text("not this").click()
    expect(unwanted).to_contain_text(name)
    expect(page.locator(".cards .head .title", has_text=name)).to_have_count(0)
    with page.expect_response("**/v1/recommend") as sent:
        page.get_by_label("Wrote").fill("something funny for a rainy evening")
    asked = sent.value.request.post_data_json
    assert asked["text"].startswith("something funny") and len(asked["positive"]) == 2, asked
    with page.expect_response("**/v1/recommend") as sent:
        page.get_by_label("Diversity").press("End")
    assert sent.value.request.post_data_json["diversity"] == 1, sent.value.request.post_data
    page.get_by_label("Diversity").press("Home")
    expect(page.locator(".cards .cause", has_text="what was written").first).to_be_visible()
    visit.picture("play")
    page.get_by_text("Light these up on the map").click()
    return drawn(visit, ringed=True)


def drawn(visit, ringed=False):
    page = visit.page
    expect(page.locator(".map canvas")).to_be_visible(timeout=180_000)
    note = page.locator(".view-map > .note")
    expect(note).to_contain_text("items; what reads alike is near")
    if ringed:
        expect(note).to_contain_text("10 of 10 are ringed")
    page.wait_for_function("document.querySelector('.map output').textContent.includes('items')")
    # What is painted has many colours.
    colours = page.evaluate(
        """() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => {
            const c = document.querySelector('.map canvas'), p = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
            const seen = new Set(); for (let i = 0; i < p.length; i += 4) if (p[i + 3] > 200) seen.add(p[i] >> 4 << 8 | p[i + 1] >> 4 << 4 | p[i + 2] >> 4);
            done(seen.size); })))"""
    )
    assert colours > 10, f"the map has {colours} colours"
    visit.picture("map-ringed" if ringed else "map")


def clicked(visit):
    """A click on a point of the map opens its item."""
    page = visit.page
    page.locator('.map [data-do="all"]').click()
    canvas = page.locator(".map canvas").bounding_box()
    tip = page.locator(".map-tip")
    for at in range(400):
        x = canvas["x"] + canvas["width"] * (0.35 + 0.3 * (at % 20) / 20)
        y = canvas["y"] + canvas["height"] * (0.3 + 0.4 * (at // 20) / 20)
        page.mouse.move(x, y)
        if tip.is_visible():
            page.mouse.click(x, y)
            expect(page).to_have_url(re.compile("#/item/"))
            return
    raise AssertionError("no point of the map is under 400 places")


def described(visit, measured):
    page = visit.page
    page.locator("h1").click()
    page.keyboard.press("5")
    expect(page.locator(".facts b").first).to_be_visible()
    if measured:
        expect(page.locator("tr.serving")).to_have_count(1)
    else:
        expect(page.locator(".note").first).to_contain_text("Nothing was measured")
    expect(page.locator("dl.fields")).to_contain_text("fingerprint")
    button = page.get_by_role("button", name="Train anew")
    button.click()
    expect(page.locator(".learning tbody tr").first).to_contain_text("too few new events")
    expect(button).to_be_enabled()
    visit.picture("bundle")


def watched(visit):
    page = visit.page
    page.locator("h1").click()
    page.keyboard.press("6")
    expect(page.locator("tbody tr", has_text="GET /metrics")).to_be_visible()
    for _ in range(20):
        visit.service.ask("POST", "/v1/recommend", {"k": 3})
    row = page.locator("tbody tr", has_text="POST /v1/recommend")
    expect(row.locator("td").nth(2)).to_contain_text("ms")
    expect(page.locator("svg.spark").first).to_be_visible()
    visit.picture("live")


def harmless(visit):
    page = visit.page
    visit.open("/#/item/harm%2F1")
    expect(page.locator("h1")).to_have_text(MARKUP)
    expect(page.locator("dl.fields .chip")).to_have_text("<b>Bold</b>")
    expect(page.locator("main img, main script, main b")).to_have_count(0)
    assert page.title() == "Item · semrec", page.title()
    page.get_by_text("Show on the map").click()
    expect(page.locator(".view-map > .note")).to_contain_text("1 of 1 are ringed")
    page.get_by_label("Search titles").fill("onerror")
    expect(page.locator(".map output")).to_have_text(re.compile("^1 of "))


def themed(visit):
    """The button turns light into dark and back, and is remembered."""
    page = visit.page
    colour = lambda: page.evaluate("getComputedStyle(document.body).backgroundColor")
    before = colour()
    page.locator("#theme").click()
    after = colour()
    assert before != after, f"the page stays {before}"
    page.reload()
    assert colour() == after, "the choice is forgotten"
    page.locator("#theme").click()
    assert colour() == before


def documented(visit):
    page = visit.page
    visit.open("/docs")
    route = page.locator("details.route", has=page.locator("summary", has_text=re.compile("^POST/v1/recommend")))
    route.locator("summary").first.click()
    route.get_by_label("Body").fill('{"k": 2}')
    visit.picture("docs")
    route.get_by_text("Send").click()
    expect(route.locator(".answer b")).to_contain_text("200")
    expect(route.locator(".answer .told")).to_contain_text('"items"')
    expect(route.locator(".answer pre").first).to_contain_text("curl -s")
    one = page.locator("details.route", has=page.locator("summary", has_text=re.compile(r"^GET/v1/items/\{id\}/similar")))
    one.locator("summary").first.click()
    one.locator("input").first.fill("harm/1")
    one.get_by_text("Send").click()
    expect(one.locator(".answer b")).to_contain_text("200")


def policies(service):
    for path in ["/", "/docs", "/dashboard/app.js", "/dashboard/map.js", "/dashboard/app.css"]:
        with urllib.request.urlopen(service.url + path) as reply:
            policy = reply.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy and "unsafe" not in policy, policy
            assert reply.headers["X-Content-Type-Options"] == "nosniff", path


def locked(browser, semrec, bundle, place, pictures):
    """With keys, the page asks for one and keeps it in the tab alone."""
    store = f"sqlite:{place / 'keys.db'}"
    key = subprocess.run([semrec, "key", "add", "eyes", "--scope", "admin", "--store", store], check=True, capture_output=True, text=True).stdout.strip()
    service = Service(semrec, bundle, place / "keys.db")
    try:
        visit = Visit(browser, service, pictures, "light", expected=["401"])
        page = visit.page
        visit.open("/")
        dialog = page.locator("dialog")
        expect(dialog).to_contain_text("This service is not open to all")
        visit.picture("key")
        dialog.get_by_label("Key").fill("semrec_wrong")
        dialog.get_by_text("Use it").click()
        expect(dialog).to_contain_text("the key is not known")
        dialog.get_by_label("Key").fill(key)
        page.keyboard.press("Enter")
        expect(page.locator(".cards > li").first).to_be_visible()
        kept = page.evaluate("[Object.values(sessionStorage), Object.values(localStorage), document.cookie]")
        assert kept[0] == [key] and key not in str(kept[1:]), "the key is kept elsewhere"
        visit.close()
    finally:
        service.end()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("semrec")
    parser.add_argument("bundle")
    parser.add_argument("--pictures", type=Path)
    args = parser.parse_args()
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or sys.exit("chromium is missing (Debian: apt-get install chromium)")
    if args.pictures:
        args.pictures.mkdir(parents=True, exist_ok=True)
    measured = (Path(args.bundle) / "results.json").exists()
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        service = Service(args.semrec, args.bundle, Path(place) / "s.db")
        try:
            policies(service)
            items = filled(service)
            for scheme in ["light", "dark"]:
                print(scheme)
                # Statuses that the test itself provokes.
                visit = Visit(browser, service, args.pictures, scheme, expected=["400", "404"])
                visit.open("/")
                for name, look in [
                    ("search, filter, an item", lambda: searched(visit, "a heist in Paris")),
                    ("a person", lambda: looked_up(visit)),
                    ("a person played, ringed on the map", lambda: played(visit, items)),
                    ("a click on the map", lambda: clicked(visit)),
                    ("the bundle", lambda: described(visit, measured)),
                    ("live metrics", lambda: watched(visit)),
                    ("a title that is markup", lambda: harmless(visit)),
                    ("the theme", lambda: themed(visit)),
                    ("/docs", lambda: documented(visit)),
                ]:
                    step(name)
                    look()
                visit.close()
        finally:
            service.end()
        print("keys")
        locked(browser, args.semrec, args.bundle, Path(place), args.pictures)
        browser.close()
    print("the dashboard is as it should be")


if __name__ == "__main__":
    main()
