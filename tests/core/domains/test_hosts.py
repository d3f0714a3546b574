"""Names of domains, and hosts exchanged inside URLs without touching another byte."""

from __future__ import annotations

import idna
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.domains.hosts import BadName, comparable, host_of, host_text, name_of, registrable, replace_host

OLD, NEW = "go-old.example.test", "go-new.example.test"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("go.example.com", "go.example.com"),
        (" GO.Example.COM. ", "go.example.com"),
        ("Bücher.example.com", "xn--bcher-kva.example.com"),
        ("XN--BCHER-KVA.example.com", "xn--bcher-kva.example.com"),
        ("faß.de", "xn--fa-hia.de"),
        ("go.example.com。", "go.example.com"),
        ("example.co.uk", "example.co.uk"),
        ("a.b.c.sandbox.test", "a.b.c.sandbox.test"),
    ],
)
def test_a_name_is_stored_in_one_spelling(text: str, name: str) -> None:
    assert name_of(text) == name
    assert name_of(name) == name


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("", "write a host such as"),
        ("   ", "write a host such as"),
        ("https://go.example.com", "write the host alone"),
        ("//go.example.com", "write the host alone"),
        ("go.example.com/path", "write the host alone"),
        ("go.example.com?x=1", "write the host alone"),
        ("go.example.com:8080", "write the host alone"),
        ("me@go.example.com", "write the host alone"),
        ("*.example.com", "name each host"),
        ("192.0.2.1", "write the name of a host"),
        ("１９２.0.2.1", "write the name of a host"),
        ("2130706433", "write the name of a host"),
        ("0x7f.0.0.0x1", "write the name of a host"),
        ("[2001:db8::1]", "write the name of a host"),
        ("2001:db8::1", "write the host alone"),
        ("localhost", "write the whole name"),
        ("co.uk", "name a host below it"),
        ("com", "write the whole name"),
        ("github.io", "name a host below it"),
        ("a b.example.com", "write the name alone"),
        ("go.exa\0mple.com", "write the name alone"),
        ("go_1.example.com", "use letters, digits and hyphens"),
        ("-go.example.com", "use letters, digits and hyphens"),
        ("go..example.com", "use letters, digits and hyphens"),
        ("xn--a.example.com", "use letters, digits and hyphens"),
        ("a" * 64 + ".example.com", "use letters, digits and hyphens"),
        (".".join(["abcdefghi"] * 26), "at most 63 in a label and 253 in all"),
        ("a." * 100_000 + "com", "at most 63 in a label and 253 in all"),
    ],
)
def test_a_text_that_is_no_name_is_refused_with_the_fix(text: str, fix: str) -> None:
    with pytest.raises(BadName, match=fix) as caught:
        name_of(text)
    assert len(str(caught.value)) < 300


def test_a_name_may_have_253_characters() -> None:
    longest = ".".join(["a" * 61, "b" * 61, "c" * 61, "d" * 60, "ef.com"])
    assert len(longest) == 253
    assert name_of(longest) == longest
    with pytest.raises(BadName):
        name_of("x" + longest)


@given(st.text(max_size=80))
def test_any_text_is_a_name_or_refused(text: str) -> None:
    try:
        name = name_of(text)
    except BadName:
        return
    assert name_of(name) == name
    assert name == comparable(text.strip())
    assert name.isascii()
    assert "." in name


@pytest.mark.parametrize(
    ("name", "registered"),
    [
        ("go.example.com", "example.com"),
        ("a.b.example.co.uk", "example.co.uk"),
        ("a.me.github.io", "me.github.io"),
        ("xn--bcher-kva.example.de", "example.de"),
        ("c4.sandbox.test", "sandbox.test"),
    ],
)
def test_the_registered_part_is_one_label_below_the_public_suffix(name: str, registered: str) -> None:
    assert registrable(name) == registered


@pytest.mark.parametrize(
    "url",
    [
        "https://{}/c/7f3c?clickid={{clickid}}&pid={{pid}}&raw=%7Bx%7D&b=2&a=1",
        "https://{}",
        "https://{}:8443/x",
        "https://{}:{{port}}/x",
        "https://user:p%40ss@{}/x",
        "https://{{user}}@{}/x",
        "https://{}?to=a@b.example",
        "https://{}#frag@ment",
        "http://{}/r?to=https://go-old.example.test/again",
        "//{}/path",
        "  https://{}/x",
        "HTTPS://{}/X",
        "https:\\\\{}\\path",
        "https://{}\\@evil.example/",
        "{}/path?x={{clickid}}",
        "{}:8080/path",
        "{}",
        "https://{}/ümläut/%zz/\x7f?{{}}&&=",
    ],
)
@pytest.mark.parametrize("spelled", [OLD, OLD.upper(), "Go-Old.Example.Test.", "go-old。example.test"])
def test_only_the_host_is_exchanged_and_back_again_it_is_the_same(url: str, spelled: str) -> None:
    before = url.format(spelled)
    after = replace_host(before, OLD, NEW)
    assert after == url.format(NEW)
    assert replace_host(after, NEW, spelled) == before


@pytest.mark.parametrize(
    "url",
    [
        "",
        "{offer_url}",
        "/path/only",
        "?q=go-old.example.test",
        "mailto:x@go-old.example.test",
        "https://other.example.test/?to=https://go-old.example.test/",
        "https://go-old.example.test.evil.example/",
        "https://sub.go-old.example.test/",
        "https://evil.example\\@go-old.example.test/",
        "https://{sub}.go-old.example.test/",
        "https://go-old.example.test@evil.example/",
        "https://[2001:db8::1]/",
        "https://192.0.2.1/",
        "https://%67o-old.example.test/",
        "https:///go-old.example.test/",
        "https://",
    ],
)
def test_a_url_with_another_host_or_none_stays_as_it_is(url: str) -> None:
    assert replace_host(url, OLD, NEW) == url


def test_hosts_are_compared_without_case_alphabet_or_trailing_dot() -> None:
    assert host_of("https://BÜCHER.Example.com./x") == "xn--bcher-kva.example.com"
    assert host_text("https://BÜCHER.Example.com./x") == "BÜCHER.Example.com."
    assert host_of("https://{host}/x") is None
    assert replace_host("https://Bücher.example.com/ü", "xn--bcher-kva.example.com", NEW) == f"https://{NEW}/ü"


@pytest.mark.parametrize("part", ["a.", "@", ":", "ä.", "/", "{", "%", " ", "a"])
def test_a_long_text_is_read_in_one_go(part: str) -> None:
    url = part * 200_000 + "@"
    for text in (url, "https://" + url, "https://" + url + "/x"):
        assert replace_host(text, OLD, NEW) == text


@pytest.mark.parametrize("new", ["", "a.example/x", "a.example:1", "u@a.example", "a b.example", "{x}.example"])
def test_what_is_no_host_is_never_put_into_a_url(new: str) -> None:
    with pytest.raises(ValueError, match="write a name such as"):
        replace_host(f"https://{OLD}/", OLD, new)


LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
NAMES = st.builds(
    lambda labels, end: ".".join([*labels, end]), st.lists(LABELS, min_size=1, max_size=3), st.just("test")
)
USERS = st.sampled_from(["", "user@", "user:p%40s@", "{user}:{pass}@", "@"])
PORTS = st.sampled_from(["", ":443", ":{port}", ":"])
SCHEMES = st.sampled_from(["https://", "http://", "HTTPS://", "//", "ftp://", "\thttps://"])
RESTS = st.one_of(
    st.just(""), st.builds(lambda start, rest: start + rest, st.sampled_from("/?#\\"), st.text(max_size=60))
)
MACROS = st.builds(lambda rest: "/c?clickid={clickid}&pid={pid}&" + rest, st.text(max_size=40))


@given(SCHEMES, USERS, NAMES, NAMES, PORTS, RESTS | MACROS)
@example("https://", "", OLD, NEW, "", "/?to=https://go-old.example.test/&x={clickid}")
def test_p10_replacing_old_by_new_and_new_by_old_is_the_identity(
    scheme: str, user: str, old: str, new: str, port: str, rest: str
) -> None:
    url = f"{scheme}{user}{old}{port}{rest}"
    replaced = replace_host(url, old, new)
    assert replaced == f"{scheme}{user}{new}{port}{rest}"
    assert replace_host(replaced, new, old) == url


@given(st.text(max_size=100), NAMES, NAMES)
def test_p10_holds_for_any_text_with_its_own_host(url: str, old: str, new: str) -> None:
    spelled = host_text(url) or old
    replaced = replace_host(url, spelled, new)
    assert replace_host(replaced, new, spelled) == url or spelled == old


@given(st.from_regex(r"[ab01x-]{1,4}(\.[ab01n-]{1,4}){0,2}", fullmatch=True))
def test_a_plain_name_is_what_encoding_would_make_of_it(text: str) -> None:
    try:
        name = name_of(f"{text}.example")
    except BadName:
        with pytest.raises(idna.IDNAError):
            idna.encode(text, uts46=True, std3_rules=True)
    else:
        assert idna.encode(f"{text}.example", uts46=True, std3_rules=True).decode() == name
