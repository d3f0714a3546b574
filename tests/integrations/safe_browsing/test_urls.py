"""One spelling per address, and the expressions under which a list may hold it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.safe_browsing.urls import canonical, expressions, full_hash, registrable
from tests.search import search

VECTORS = [
    ("http://host/%25%32%35%25%32%35", "http://host/%25%25"),
    ("http://host/%2525252525252525", "http://host/%25"),
    ("http://3279880203/blah", "http://195.127.0.11/blah"),
    ("http://www.google.com/blah/..", "http://www.google.com/"),
    ("http://www.GOOgle.com.../", "http://www.google.com/"),
    ("http://host.com//two?more//s", "http://host.com/two?more//s"),
    ("http://host/%25%32%35", "http://host/%25"),
    ("http://host/a%25%32%35b", "http://host/a%25b"),
    ("http://host/%%%25%32%35asd%%", "http://host/%25%25%25asd%25%25"),
    ("http://%31%32%37%2e%30%2e%30%2e%31/%2E%73%65%63/", "http://127.0.0.1/.sec/"),
    ("http://host%23.com/%257Ea%2521b%2540c%2523d%2524e", "http://host%23.com/~a!b@c%23d$e"),
    ("www.example.com", "http://www.example.com/"),
    ("www.example.com/", "http://www.example.com/"),
    ("http://www.example.com/page#part", "http://www.example.com/page"),
    ("http://example.com/foo#bar#baz", "http://example.com/foo"),
    ("http://www.example.com/foo\tbar\rbaz\n2", "http://www.example.com/foobarbaz2"),
    ("http://www.example.com/q?", "http://www.example.com/q?"),
    ("http://www.example.com/q?r?s", "http://www.example.com/q?r?s"),
    ("http://example.com/foo;", "http://example.com/foo;"),
    ("http://%01%80.com/", "http://%01%80.com/"),
    ("http://www.example.com:1234/", "http://www.example.com/"),
    ("  http://www.example.com/  ", "http://www.example.com/"),
    ("http:// leading.com/", "http://%20leading.com/"),
    ("%20leading.com/", "http://%20leading.com/"),
    ("https://www.example.com/", "https://www.example.com/"),
    ("http://host.com/ab%23cd", "http://host.com/ab%23cd"),
    ("http://user:secret@example.com/", "http://example.com/"),
    ("http://a..b.example.com./", "http://a.b.example.com/"),
    ("http://example.com/a/./b/../c/.", "http://example.com/a/c/"),
    ("http://example.com?x=1", "http://example.com/?x=1"),
    ("http://example.com/%e9\u20ac", "http://example.com/%E9%E2%82%AC"),
]
HOSTS = [
    ("0x7f.1", "127.0.0.1"),
    ("0177.0.0.01", "127.0.0.1"),
    ("127.65530", "127.0.255.250"),
    ("0xC37F000B", "195.127.0.11"),
    ("1.2.3.256", "1.2.3.256"),
    ("1.2.3.4.5", "1.2.3.4.5"),
    ("4294967296", "4294967296"),
    ("08.1.1.1", "08.1.1.1"),
    ("[2001:DB8:0:0:0:0:0:1]", "[2001:db8::1]"),
    ("[::ffff:192.0.2.1]", "192.0.2.1"),
    ("[64:ff9b::c000:201]", "192.0.2.1"),
    ("[2001:db8::1]:8080", "[2001:db8::1]"),
    ("b\u00fccher.example", "xn--bcher-kva.example"),
    ("B%C3%9CCHER.example", "xn--bcher-kva.example"),
    ("xn--bcher-kva.example", "xn--bcher-kva.example"),
]


@pytest.mark.parametrize(("url", "wanted"), VECTORS)
def test_an_address_has_one_spelling(url: str, wanted: str) -> None:
    assert str(canonical(url)) == wanted


@pytest.mark.parametrize(("host", "wanted"), HOSTS)
def test_a_host_has_one_spelling(host: str, wanted: str) -> None:
    assert canonical(f"http://{host}/").host == wanted


def test_a_bare_host_is_looked_up_under_itself_and_its_registrable_domain() -> None:
    assert expressions("go.example.com") == ["go.example.com/", "example.com/"]


def test_an_address_is_looked_up_with_and_without_its_query_and_under_its_folders() -> None:
    assert expressions("http://a.b.c/1/2.html?param=1") == [
        "a.b.c/1/2.html?param=1", "a.b.c/1/2.html", "a.b.c/", "a.b.c/1/",
        "b.c/1/2.html?param=1", "b.c/1/2.html", "b.c/", "b.c/1/",
    ]  # fmt: skip


def test_of_a_long_host_only_the_four_shortest_names_are_looked_up_beside_it() -> None:
    assert expressions("http://a.b.c.d.e.f.example.co.uk/") == [
        "a.b.c.d.e.f.example.co.uk/",
        "example.co.uk/", "f.example.co.uk/", "e.f.example.co.uk/", "d.e.f.example.co.uk/",
    ]  # fmt: skip


def test_an_address_has_thirty_expressions_at_most() -> None:
    found = expressions("http://a.b.c.d.e.f.example.com/1/2/3/4/5.html?x")
    assert len(found) == 30
    assert found[0] == "a.b.c.d.e.f.example.com/1/2/3/4/5.html?x"


@pytest.mark.parametrize("url", ["http://192.0.2.1/", "http://[2001:db8::1]/", "http://localhost/", "http://co.uk/"])
def test_what_has_no_registrable_domain_is_looked_up_as_itself(url: str) -> None:
    assert expressions(url) == [canonical(url).host + "/"]


@pytest.mark.parametrize("url", ["", "http://", "///", "http://.../", "?x", "#", ":.", "http://.:80./"])
def test_what_is_no_address_has_no_expressions(url: str) -> None:
    assert expressions(url) == []


@pytest.mark.parametrize("url", ["host:80", "host.:80", "host:80.", "host:", "host:80:80", "x@host:y"])
def test_whatever_follows_a_colon_is_no_part_of_the_name(url: str) -> None:
    assert canonical(url).host == "host"


def test_the_hashes_of_expressions_are_the_published_ones() -> None:
    digest = full_hash("go.sandbox.test/")
    assert digest.hex() == "d51d47e8a9855264f13f2a0e879393a8edf06ed60e7c8a393c54e577e7762ca5"
    assert full_hash("sandbox.test/")[:4].hex() == "017eb9a5"


@pytest.mark.parametrize(
    ("host", "wanted"),
    [("go.example.co.uk", "example.co.uk"), ("example.com", "example.com"), ("com", None), ("192.0.2.1", None)],
)
def test_the_registrable_domain_follows_the_public_suffixes(host: str, wanted: str | None) -> None:
    assert registrable(host) == wanted


def test_escapes_a_thousand_levels_deep_are_one_pass() -> None:
    assert canonical("http://host/%" + "25" * 100_000).path == "/%25"


PIECES = st.sampled_from([*"%.:/?#@[]\\&= \t", "%25", "%2e", "..", "//", "http://", "0x", "\u3002", "\u00fc", "\ud800"])


@search(1000)
@given(st.lists(PIECES | st.characters() | st.text("0123456789abcdefx.", max_size=6), max_size=60).map("".join))
def test_any_text_has_a_canonical_form_that_is_its_own(text: str) -> None:
    first = canonical(text)
    assert str(first).isascii()
    assert len(expressions(text)) <= 30
    if first.host:
        assert canonical(str(first)) == first
