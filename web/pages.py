"""Small pages for people outside: one look, light and dark, without scripts, and headers that keep links private."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from html import escape

import falcon

_STYLE = """
:root { color-scheme: light dark; --ground: #f3f4f1; --sheet: #fff; --ink: #1c2321; --soft: #59645f; --line: #d9dedb;
  --accent: #0b6b4f; --on-accent: #fff; --warn: #8a4b00; }
@media (prefers-color-scheme: dark) { :root { --ground: #121615; --sheet: #1b211f; --ink: #e8edea; --soft: #a3b0aa;
  --line: #333d39; --accent: #4cc79c; --on-accent: #06231a; --warn: #f0b357; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem; background: var(--ground);
  color: var(--ink); font: 1.0625rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { width: 100%; max-width: 30rem; background: var(--sheet); border: 1px solid var(--line); border-radius: .9rem;
  padding: 2rem; }
h1 { margin: 0 0 .75rem; font-size: 1.5rem; line-height: 1.25; }
p { margin: 0 0 1rem; }
p:last-child { margin-bottom: 0; }
.brand { margin: 0 0 1.5rem; color: var(--soft); font-size: .875rem; letter-spacing: .02em; }
.amount { font-size: 2.25rem; font-weight: 650; line-height: 1.2; margin: 0 0 1.25rem;
  font-variant-numeric: tabular-nums; }
dl { margin: 0 0 1.5rem; border-top: 1px solid var(--line); }
dl div { display: flex; flex-wrap: wrap; justify-content: space-between; gap: .25rem 1rem; padding: .6rem 0;
  border-bottom: 1px solid var(--line); }
dt { color: var(--soft); }
dd { margin: 0 0 0 auto; text-align: right; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
button { width: 100%; padding: .85rem 1rem; border: 0; border-radius: .55rem; background: var(--accent);
  color: var(--on-accent); font: inherit; font-weight: 600; cursor: pointer; }
button:hover { filter: brightness(1.08); }
button:focus-visible { outline: 3px solid var(--ink); outline-offset: 3px; }
.note { margin-top: 1rem; color: var(--soft); font-size: .9375rem; }
.warn { color: var(--warn); }
"""
_STYLE_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
}


def answer(response: falcon.Response, status: str, title: str, body: str) -> None:
    """Send a page; `body` is HTML that is escaped already, `title` is text."""
    response.status = status
    response.content_type = falcon.MEDIA_HTML
    for name, value in _HEADERS.items():
        response.set_header(name, value)
    response.text = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)} – Signalbox</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f'<p class="brand">Signalbox</p>\n<h1>{escape(title)}</h1>\n{body}\n</main>\n</body>\n</html>\n'
    )


def paragraphs(*texts: str) -> str:
    """Texts as paragraphs."""
    return "\n".join(f"<p>{escape(text)}</p>" for text in texts)


def facts(pairs: dict[str, str]) -> str:
    """Names and values as a list."""
    rows = "\n".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in pairs.items())
    return f"<dl>\n{rows}\n</dl>"
