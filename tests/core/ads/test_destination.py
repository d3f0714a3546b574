"""Tests of destinations: which are safe, and what is added to them."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ads import destination
from core.ads.destination import InformerFacts, OfferFacts, compose, decorate, location, safe_destination

OFFER = OfferFacts(7, "offer-guid", "Red shoes & more", 3, "campaign-guid", "Spring {offer} 50%")
INFORMER = InformerFacts(8, "informer-guid", "Site.Example:80")

SAFE = [
    "http://shop.example",
    "https://shop.example/",
    "HTTPS://Shop.Example/Path?Q=1#Part",
    "https://shop.example:8443/a?b=c&b=d&e=&f#g",
    "https://shop.example?x=https://other.example/@\\",
    "https://shop.example/a@b/c\\d//e",
    "https://127.0.0.1:8000/",
    "https://localhost/",
    "https://[2001:db8::1]/",
    "https://[2001:db8::1]:443/",
    "https://xn--e1afmkfd.xn--p1ai/",
    "https://пример.рф/путь?а=б",
    "https://shop_1.example/",
    "https://shop.example/a b",
    "https://shop.example./",
]
UNSAFE = [
    "", " ", "/", "/path", "shop.example", "//evil.example", "\\\\evil.example", "/\\evil.example", "https:", "https:/",
    "https://",
    "https:///evil.example", "https:evil.example", "https:/evil.example", "https:\\\\evil.example",
    "https:/\\evil.example",
    "https://\\evil.example", "https://good.example\\@evil.example", "https://good.example\\.evil.example/",
    "https://good.example@evil.example/", "https://user:pass@evil.example/", "https://good.example%40evil.example/",
    "https://good.example%2f@evil.example", "https://good.example:80@evil.example", "https://@evil.example",
    "https://good.example／@evil.example", "https://good.example／.evil.example", "https://good.example＠evil.example",
    "https://good.example℀.evil.example", "https://good.example＃.evil.example", "https://good.example？.evil.example",
    "https://good.example:99999/", "https://good.example:x/", "https://good.example:80:90/", "https://good.example:１/",
    "https://[::1", "https://[::1]evil.example/", "https://[evil.example]/", "https://::1/", "https://[::1]]/", "https://a]b/",
    "https://good .example/", "https://good\u3000.example/", "https://./", "https://../", "https://:80/", "https://?x",
    "https://#x",
    " https://good.example/", "https://good.example/ ", "\thttps://good.example/",
    "https://good.example/\r\nSet-Cookie: a=b",
    "https://good.example/\n", "https://good.example/\rx", "https://good.example/\0", "https://good.example/\x7f",
    "https://good.example/\t", "ht\ntps://good.example/", "https://good.example/\u2028", "https://good.example/\x85",
    "https://good.example/\ud800", "javascript:alert(1)", "JavaScript://good.example/%0aalert(1)", "data:text/html,x",
    "ftp://good.example/", "file:///etc/passwd", "httpsx://good.example/", "http//good.example", "https;//good.example",
    "https://<script>/", 'https://a"b/', "https://a{offer}.example/", "https://" + "a" * 8192,
    "https://good.example/" + "ä" * 4100,
]  # fmt: skip

text = st.text(max_size=20)
words = st.text(alphabet="abcXYZ019-_.~+%", max_size=8)
pairs = st.lists(st.one_of(words, st.tuples(words, words).map("=".join)), max_size=6)


@pytest.mark.parametrize("url", SAFE)
def test_a_plain_web_address_is_safe_and_unchanged(url: str) -> None:
    assert safe_destination(url) == url


@pytest.mark.parametrize("url", UNSAFE)
def test_anything_else_is_no_destination(url: str) -> None:
    assert safe_destination(url) is None


@given(st.text(alphabet="htps:/\\@#?.[]%ae\t\n＠／", max_size=30).map(lambda tail: "https://good.example" + tail))
def test_whatever_follows_the_host_the_host_stays_the_visible_one(url: str) -> None:
    if safe_destination(url) is not None:
        host = urlsplit(url).hostname or ""
        assert host.startswith("good.example")
        assert "@" not in urlsplit(url).netloc


@given(st.text(max_size=60))
def test_a_safe_destination_makes_a_clean_header(url: str) -> None:
    for candidate in (url, "https://" + url, "https://shop.example/" + url):
        if safe_destination(candidate) is not None:
            header = location(candidate)
            assert header.isascii()
            assert header.isprintable()
            assert " " not in header


@pytest.mark.parametrize(
    ("url", "header"),
    [
        ("https://shop.example/a%20b?c={d}", "https://shop.example/a%20b?c={d}"),
        ("https://shop.example/ä b", "https://shop.example/%C3%A4%20b"),
        ("https://пример.рф:80/?а=1", "https://xn--e1afmkfd.xn--p1ai:80/?%D0%B0=1"),
    ],
)
def test_a_header_holds_the_address_in_ascii(url: str, header: str) -> None:
    assert location(url) == header


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://s.example", "https://s.example?p=v"),
        ("https://s.example/", "https://s.example/?p=v"),
        ("https://s.example/?", "https://s.example/?p=v"),
        ("https://s.example/?a=1", "https://s.example/?a=1&p=v"),
        ("https://s.example/?a=1&", "https://s.example/?a=1&p=v"),
        ("https://s.example/#f", "https://s.example/?p=v#f"),
        ("https://s.example/?a=1#f?p=x", "https://s.example/?a=1&p=v#f?p=x"),
        ("https://s.example/?p=own", "https://s.example/?p=own"),
        ("https://s.example/?p", "https://s.example/?p"),
        ("https://s.example/?p=", "https://s.example/?p="),
        ("https://s.example/?%70=own", "https://s.example/?%70=own"),
        ("https://s.example/?P=own", "https://s.example/?P=own&p=v"),
        ("https://s.example/?b=&a&b=2&&b=", "https://s.example/?b=&a&b=2&&b=&p=v"),
        ("https://s.example/?q=a+b%20c%2f%2F;x", "https://s.example/?q=a+b%20c%2f%2F;x&p=v"),
        ("https://пример.рф/?q=ы", "https://пример.рф/?q=ы&p=v"),
        ("https://xn--e1afmkfd.xn--p1ai/", "https://xn--e1afmkfd.xn--p1ai/?p=v"),
    ],
)
def test_a_missing_parameter_is_appended_and_an_existing_one_wins(url: str, expected: str) -> None:
    assert decorate(url, {"p": "v"}, {}) == expected


def test_added_names_and_values_are_percent_encoded() -> None:
    decorated = decorate("https://s.example/", {"a&b": "c=d #\r\n/ä", "n": None, "i": 5}, {})
    assert decorated == "https://s.example/?a%26b=c%3Dd%20%23%0D%0A%2F%C3%A4&n=&i=5"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("a={m}", "a=x%26y"),
        ("a=1{m}2{m}", "a=1x%26y2x%26y"),
        ("a=%7Bm%7D", "a=x%26y"),
        ("a=%7bm%7d", "a=x%26y"),
        ("a={unknown}", "a={unknown}"),
        ("a={none}b", "a=b"),
        ("{m}=a", "{m}=a"),
        ("{m}", "{m}"),
        ("a={nested}", "a=%7Bm%7D"),
        ("a={m", "a={m"),
        ("a={{m}}", "a={x%26y}"),
        ("a={M}", "a={M}"),
        ("a=b={m}", "a=b=x%26y"),
    ],
)
def test_macros_expand_once_in_values_only(query: str, expected: str) -> None:
    macros = {"m": "x&y", "none": None, "nested": "{m}"}
    assert decorate(f"https://s.example/{{m}}?{query}#{{m}}", {}, macros) == f"https://s.example/{{m}}?{expected}#{{m}}"


@given(pairs, st.dictionaries(text, text, max_size=4), st.sampled_from(["", "#", "#frag", "#?a=b&c"]))
def test_existing_pairs_and_fragment_keep_every_byte(
    existing: list[str], params: dict[str, str], fragment: str
) -> None:
    query = "&".join(existing)
    url = f"https://s.example/p{'?' if query else ''}{query}{fragment}"
    decorated = decorate(url, params, {"m": "v"})
    assert decorated.startswith(f"https://s.example/p{'?' if query else ''}{query}")
    assert decorated.endswith(fragment)
    kept = [pair for pair in decorated.removesuffix(fragment).partition("?")[2].split("&") if pair]
    assert kept[: len([pair for pair in existing if pair])] == [pair for pair in existing if pair]


@given(st.dictionaries(text, text, max_size=4), st.dictionaries(st.sampled_from(["m", "n"]), text))
def test_no_value_leads_to_another_host_or_a_second_header(params: dict[str, str], macros: dict[str, str]) -> None:
    decorated = decorate("https://s.example/p?a={m}&b=%7Bn%7D#f", params, macros)
    assert urlsplit(decorated)[:3] == ("https", "s.example", "/p")
    assert urlsplit(decorated).fragment == "f"
    assert decorated.isascii()
    assert safe_destination(decorated) == decorated


@given(st.dictionaries(st.text(min_size=1, max_size=9), text, max_size=4))
def test_added_values_read_back_as_they_were_given(params: dict[str, str]) -> None:
    decorated = decorate("https://s.example/?a=1&b=&a=2", params, {})
    read = parse_qsl(urlsplit(decorated).query, keep_blank_values=True)
    assert read == [("a", "1"), ("b", ""), ("a", "2"), *((k, v) for k, v in params.items() if k not in ("a", "b"))]


def composed(url: str = "https://s.example/", host: str = "page.example", **facts: object) -> str:
    offer = OfferFacts(7, "offer-guid", "Красные туфли", 3, "campaign-guid", "Été 50%", **facts)  # type: ignore[arg-type]
    return compose(url, host, offer, INFORMER, partner_param="pm")


@pytest.mark.parametrize(
    ("host", "informer", "marker"),
    [
        ("page.example", INFORMER, "page.example"),
        ("Page.Example:8080", INFORMER, "page.example"),
        ("пример.рф", INFORMER, "xn--e1afmkfd.xn--p1ai"),
        ("", INFORMER, "site.example"),
        ("", InformerFacts(8, "informer-guid"), "informer-guid"),
        ("", InformerFacts(8, ""), "other"),
        ("", None, "other"),
        ("page.example", None, "page.example"),
    ],
)
def test_the_partner_marker_names_page_then_site_then_informer_then_other(
    host: str, informer: InformerFacts | None, marker: str
) -> None:
    assert compose("https://s.example/", host, OFFER, informer, partner_param="pm") == f"https://s.example/?pm={marker}"


def test_a_hidden_site_is_named_by_the_informer_only() -> None:
    shown = composed("https://s.example/?s={source}", hide_site=True, utm=True)
    assert "pm=informer-guid" in shown
    assert "utm_source=informer-guid" in shown
    assert "s=informer-guid" in shown
    assert "page" not in shown


def test_the_partner_marker_can_be_switched_off_per_campaign() -> None:
    assert composed(partner_marker=False) == "https://s.example/"


def test_a_failed_lookup_of_the_offer_counts_as_marked_and_its_macros_are_empty() -> None:
    url = "https://s.example/?a={campaign}&b={offer_id}&c={source_guid}"
    assert compose(url, "", None, None, partner_param="pm") == "https://s.example/?a=&b=&c=&pm=other"


@pytest.mark.parametrize(
    ("macro", "value"),
    [
        ("source", "page_example"), ("source_id", "8"), ("source_guid", "informer-guid"),
        ("campaign", "Spring {offer} 50%"), ("campaign_id", "3"), ("campaign_guid", "campaign-guid"),
        ("name", "Red shoes & more"), ("offer", "Red shoes & more"),
        ("offer_id", "7"), ("offer_guid", "offer-guid"), ("click_id", "{click_id}"),
    ],
)  # fmt: skip
def test_each_macro_has_its_own_value(macro: str, value: str) -> None:
    url = compose(f"https://s.example/?a={{{macro}}}", "page.example", OFFER, INFORMER, partner_param="pm")
    assert unquote(url) == f"https://s.example/?a={value}&pm=page.example"


def test_the_random_macro_is_a_number_up_to_a_million() -> None:
    urls = {compose("https://s.example/?r={rand}", "p.example", OFFER, INFORMER, partner_param="pm") for _ in range(50)}
    numbers = {int(dict(parse_qsl(urlsplit(url).query))["r"]) for url in urls}
    assert len(numbers) > 1
    assert all(0 <= number <= 1_000_000 for number in numbers)


def test_the_utm_set_is_added_when_the_campaign_wants_it() -> None:
    added = parse_qsl(urlsplit(composed(utm=True)).query)
    assert added == [
        ("pm", "page.example"),
        ("utm_medium", "cpc"),
        ("utm_source", "page_example"),
        ("utm_campaign", "Été 50%"),
        ("utm_content", "Красные туфли"),
    ]


def test_the_advertisers_own_utm_source_wins_and_the_source_becomes_the_term() -> None:
    added = parse_qsl(urlsplit(composed("https://s.example/?utm_source=own&utm_medium=", utm=True)).query, True)
    assert added[:2] == [("utm_source", "own"), ("utm_medium", "")]
    assert [name for name, _ in added[2:]] == ["pm", "utm_campaign", "utm_content", "utm_term"]
    assert added[-1] == ("utm_term", "page_example")


def test_titles_are_written_in_ascii_when_the_campaign_wants_it() -> None:
    added = dict(parse_qsl(urlsplit(composed(utm=True, translit=True)).query))
    assert (added["utm_campaign"], added["utm_content"]) == ("Ete 50%", "Krasnye tufli")


def test_an_address_that_would_become_too_long_stays_as_it_was() -> None:
    url = "https://s.example/?a=" + "b" * (destination.MAX_URL - 30)
    assert compose(url, "page.example", OFFER, INFORMER, partner_param="pm") == url
