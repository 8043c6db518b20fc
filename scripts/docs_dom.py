#!/usr/bin/env python3
"""Reads the viewer's rendered DOM: every operation of /openapi.json must be shown, and nothing fetched from elsewhere."""

import json
import sys
import urllib.parse
import urllib.request
from html.parser import HTMLParser

# What a browser fetches by itself; a link that somebody has to click is not among them.
FETCHED = {"src", "srcset", "data", "poster", "action", "background"}


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.text, self.hosts = [], set()

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name in FETCHED or (name == "href" and tag in {"link", "base", "use", "image"}):
                self.hosts.add(urllib.parse.urlsplit(value or "").netloc)
            if name == "data-path":
                self.text.append(value or "")

    def handle_data(self, data):
        self.text.append(data)


def main(path, url):
    page = Page()
    page.feed(open(path, encoding="utf-8").read())
    shown = "".join(page.text).replace("\u200b", "")
    wanted = json.load(urllib.request.urlopen(f"{url}/openapi.json"))["paths"]
    missing = [one for one in wanted if one not in shown]
    outside = page.hosts - {"", urllib.parse.urlsplit(url).netloc}
    if missing or outside:
        sys.exit(f"/docs does not show {missing}, fetches from {outside}")
    print(f"/docs shows all {len(wanted)} paths and fetches from nowhere else")


if __name__ == "__main__":
    main(*sys.argv[1:])
