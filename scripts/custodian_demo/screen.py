"""What the demo prints: sections, sentences, calls, checks, a table."""

import os
import sys
import textwrap

WIDTH = 100
VALUE = 75


def _colour():
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _paint(code, text):
    return f"\033[{code}m{text}\033[0m" if _colour() else text


def line(text=""):
    print(text, flush=True)


def section(number, title):
    line()
    line(_paint("1", f"== {number}. {title} " + "=" * (WIDTH - len(title) - len(str(number)) - 6)))


def say(text):
    for part in textwrap.wrap(text, WIDTH - 3):
        line("   " + part)


def call(method, path, who, status):
    """`POST /v1/wrap  (app)  ->  200`"""
    colour = "32" if status < 300 else "33"
    line(f"\n   {_paint('1', method)} {path}  ({who})  ->  {_paint(colour, str(status))}")


def value(name, text):
    text = str(text).lower() if isinstance(text, bool) else text
    line(f"       {name:<17} {trim(text)}")


def check(text):
    line(f"   {_paint('32', 'ok')}  {text}")


def wrong(text):
    print(_paint("31", "FAILED") + f"  {text}", file=sys.stderr, flush=True)


def trim(text, width=VALUE):
    """The beginning and the end, where it is too long."""
    text = str(text)
    if len(text) <= width:
        return text
    return f"{text[: width - 12]}...{text[-6:]}"


def table(head, rows):
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    for row in [head, ["-" * width for width in widths], *rows]:
        line("   " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
