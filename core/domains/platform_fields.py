"""Where the objects of the platforms hold URLs and hosts, and which of them name a domain."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

AFFISE_URLS = frozenset(
    {
        "url",
        "trafficback_url",
        "url_preview",
        "preview_url",
        "parallel_tracking_url",
        "cross_postback_url",
        "macro_url",
        "impressions_url",
        "landings[].url",
        "landings[].url_preview",
        "targeting[].url",
        "targeting[].urls[].url",
        "tracking_domain",
        "domain_url",
    }
)
_NUMBER = re.compile(r"\[\d+\]")


def affise_values(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The texts of an offer in fields that hold URLs or hosts, by path such as `landings[0].url`."""
    return {path: text for path, text in texts(raw) if _NUMBER.sub("[]", path) in AFFISE_URLS}


def mentioning(value: Any, names: Collection[str]) -> dict[str, str]:
    """The texts inside a value that name one of the hosts, also percent-encoded within another URL, by path."""
    pattern = re.compile(
        "|".join(rf"(?<![a-z0-9.-]){re.escape(name.lower())}(?!\.?[a-z0-9-])" for name in names) or r"(?!)"
    )
    return {path: text for path, text in texts(value) if pattern.search(unquote(unquote(text)).lower())}


def texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text inside a JSON value with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from texts(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from texts(inner, f"{path}[{number}]")
