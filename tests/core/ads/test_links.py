"""Tests of signing and reading click links."""

from __future__ import annotations

import hmac
import random
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import get_settings
from core.ads import links
from core.ads.links import InvalidLink, Keyring, Place, issue_click_link, issue_click_links, read_token

NEW = bytes(range(32)).hex()
OLD = bytes(range(100, 132)).hex()
KEYS = Keyring.parse(f"1:{NEW},2:{OLD}")
NOW = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
TARGET = "https://shop.example/a?b=1&c=ä ö+%2F"
PAGE = "https://News.Example.com:8080/today"


def make(**options: object) -> str:
    given_options = {"destination": TARGET, "keyring": KEYS, "base_url": "", "v6_prefix": 64} | options
    return issue_click_link(7, 8, "203.0.113.7", PAGE, NOW, **given_options)  # type: ignore[arg-type]


def parts(link: str) -> tuple[str, str, str]:
    token, _, query = link.removeprefix("/r/").partition("?")
    return (token, *links.read_query(query))


def accepted(token: str, u: str | bytes, h: str | bytes, keys: Keyring = KEYS) -> bool:
    try:
        read_token(token, u, h, keys)
    except InvalidLink:
        return False
    return True


def test_a_link_reads_back_as_it_was_issued() -> None:
    token, u, h = parts(make())
    link = read_token(token, u, h, KEYS)
    assert (link.version, link.key_id, link.issued_at) == (1, 1, int(NOW.timestamp()))
    assert (link.offer_id, link.informer_id, link.test) == (7, 8, False)
    assert (u, h) == (TARGET, "news.example.com")


def test_the_token_has_the_published_layout() -> None:
    token, u, h = parts(make(test=True))
    raw = urlsafe_b64decode(token + "==")
    facts = bytes([1, 1]) + int(NOW.timestamp()).to_bytes(4, "big") + (8).to_bytes(8, "big") + (7).to_bytes(8, "big")
    key = bytes.fromhex(NEW)
    facts += hmac.digest(key, b"ip\x00203.0.113.7/32", "sha256")[:4] + b"\x01"
    message = b"click\x00" + facts + sha256(u.encode()).digest() + sha256(h.encode()).digest()
    assert (len(token), raw) == (58, facts + hmac.digest(key, message, "sha256")[:16])


def test_the_test_flag_is_signed() -> None:
    token, u, h = parts(make(test=True))
    assert read_token(token, u, h, KEYS).test


def test_a_link_without_destination_and_page_has_no_query() -> None:
    link = issue_click_link(7, 8, "203.0.113.7", "", NOW, keyring=KEYS, base_url="https://r.example/", v6_prefix=64)
    assert link.startswith("https://r.example/r/")
    assert "?" not in link
    assert accepted(link.rpartition("/")[2], "", "")


def test_bulk_links_equal_single_ones_in_order() -> None:
    places = [Place(7, 8, TARGET), Place(9, 8)]
    many = issue_click_links(places, "203.0.113.7", PAGE, NOW, keyring=KEYS, base_url="", v6_prefix=64)
    assert many[0] == make()
    assert [read_token(*parts(link), KEYS).offer_id for link in many] == [7, 9]


@pytest.mark.parametrize("number", [0, -1, 2**63])
def test_an_id_outside_bigint_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="id must be between"):
        issue_click_link(number, 8, "203.0.113.7", PAGE, NOW, keyring=KEYS, base_url="", v6_prefix=64)


def test_keys_and_address_come_from_the_settings_when_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "LINK_KEYS": f"2:{OLD}",
        "PUBLIC_URL": "https://go.example",
        "FALLBACK_URL": "https://x.example/",
        "SETTLEMENT_CURRENCY": "USD",
    }.items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    try:
        link = issue_click_link(7, 8, "203.0.113.7", PAGE, NOW)
    finally:
        get_settings.cache_clear()
    assert link.startswith("https://go.example/r/")
    assert read_token(*parts(link.removeprefix("https://go.example")), KEYS).key_id == 2


def test_no_single_bit_of_a_token_can_be_flipped() -> None:
    token, u, h = parts(make())
    text = token.encode()
    flips = [
        (text[:i] + bytes([text[i] ^ 1 << bit]) + text[i + 1 :]).decode("latin-1")
        for i in range(len(text))
        for bit in range(8)
    ]
    raw = urlsafe_b64decode(token + "==")
    flips += [
        urlsafe_b64encode(raw[:i] + bytes([raw[i] ^ 1 << bit]) + raw[i + 1 :]).rstrip(b"=").decode()
        for i in range(len(raw))
        for bit in range(8)
    ]
    assert len(flips) == 58 * 8 + 43 * 8
    assert sum(accepted(flip, u, h) for flip in flips) == 0


@pytest.mark.parametrize("changed", ["u", "h"])
def test_no_single_bit_under_the_signature_can_be_flipped(changed: str) -> None:
    token, u, h = parts(make())
    data = (u if changed == "u" else h).encode()
    for i in range(len(data)):
        for bit in range(8):
            flip = data[:i] + bytes([data[i] ^ 1 << bit]) + data[i + 1 :]
            assert not accepted(token, flip if changed == "u" else u, flip if changed == "h" else h)


def test_a_token_has_one_spelling_only() -> None:
    token, u, h = parts(make())
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    spellings = [token[:-1] + alphabet[alphabet.index(token[-1]) + spare] for spare in range(16)]
    assert [accepted(spelling, u, h) for spelling in spellings] == [True] + [False] * 15


@pytest.mark.parametrize(
    "spoil",
    [
        lambda t: t + "=",
        lambda t: t + "==",
        lambda t: t[:-2] + "==",
        lambda t: t[:-1],
        lambda t: t + "A",
        lambda t: " " + t[1:],
        lambda t: t[:20] + "\n" + t[21:],
        lambda t: t[:20] + "=" + t[21:],
        lambda t: t[:20] + "é" + t[21:],
        lambda t: "",
        lambda t: "A" * 58,
        lambda t: "A" * 1_000_000,
    ],
)
def test_a_malformed_token_is_refused(spoil: Callable[[str], str]) -> None:
    token, u, h = parts(make())
    assert not accepted(spoil(token), u, h)


def test_the_standard_alphabet_is_no_second_spelling() -> None:
    for offer in range(1, 200):
        link = issue_click_link(offer, 8, "203.0.113.7", PAGE, NOW, keyring=KEYS, base_url="", v6_prefix=64)
        token, u, h = parts(link)
        other = token.replace("-", "+").replace("_", "/")
        assert accepted(token, u, h)
        assert other == token or not accepted(other, u, h)


def test_a_hundred_thousand_tampered_tokens_are_refused() -> None:
    token, u, h = parts(make())
    raw = bytearray(urlsafe_b64decode(token + "=="))
    dice = random.Random(17)
    taken = 0
    for _ in range(100_000):
        changed = bytearray(raw)
        for _ in range(dice.randint(1, 4)):
            changed[dice.randrange(43)] ^= dice.randint(1, 255)
        taken += changed != raw and accepted(urlsafe_b64encode(changed).rstrip(b"=").decode(), u, h)
    assert taken == 0


@given(st.text(max_size=100))
def test_any_text_as_token_is_an_invalid_link_and_nothing_else(text: str) -> None:
    assert not accepted(text, "", "")


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_other_destination_or_host_is_refused(u: str, h: str) -> None:
    token, own_u, own_h = parts(make())
    assert accepted(token, u, h) == ((u, h) == (own_u, own_h))


def test_destination_and_host_cannot_trade_places() -> None:
    link = make(destination="news.example.com")
    token, u, h = parts(link)
    assert u == h
    token, u, h = parts(make())
    assert not accepted(token, h, u)


def test_the_decoded_bytes_are_signed_whatever_their_escaping() -> None:
    token, u, h = parts(make())
    escaped = "".join(f"%{byte:02X}" for byte in TARGET.encode())
    assert accepted(token, *links.read_query(f"u={escaped}&h={h}"))
    assert not accepted(token, escaped, h)
    assert accepted(token, u.encode(), h.encode())


def test_the_first_of_each_query_name_counts_and_the_rest_is_ignored() -> None:
    assert links.read_query("x=1&u=a%26b&h=c&u=other&h=other&&=") == ("a&b", "c")
    assert links.read_query("") == ("", "")


def test_a_plus_in_the_query_stays_a_plus() -> None:
    assert links.read_query("u=a+b")[0] == "a+b"


def test_query_bytes_that_are_not_utf8_are_an_invalid_link() -> None:
    with pytest.raises(InvalidLink):
        links.read_query("u=%FF")


@pytest.mark.parametrize("query", ["&" * 1_000_000, "u=" + "%41" * 300_000, "u=&" * 300_000])
def test_an_endless_query_is_an_invalid_link(query: str) -> None:
    with pytest.raises(InvalidLink, match="too long"):
        links.read_query(query)


def test_the_longest_destination_fits_into_a_query_however_escaped() -> None:
    assert len(links.read_query("u=" + "%41" * 8192 + "&h=a.example")[0]) == 8192


def test_after_a_rotation_links_of_both_keys_are_valid() -> None:
    before = parts(make(keyring=Keyring.parse(f"2:{OLD}")))
    after = parts(make())
    assert [read_token(*link, KEYS).key_id for link in (before, after)] == [2, 1]


def test_a_retired_key_makes_its_links_invalid() -> None:
    with pytest.raises(InvalidLink, match="unknown key"):
        read_token(*parts(make()), Keyring.parse(f"2:{OLD}"))


def test_another_key_in_the_same_slot_makes_links_invalid() -> None:
    assert not accepted(*parts(make()), Keyring.parse(f"1:{OLD}"))


def test_another_version_is_refused() -> None:
    token, u, h = parts(make())
    raw = urlsafe_b64decode(token + "==")
    with pytest.raises(InvalidLink, match="unknown version"):
        read_token(urlsafe_b64encode(b"\x02" + raw[1:]).rstrip(b"=").decode(), u, h, KEYS)


@pytest.mark.parametrize(
    "text",
    ["", "secret", "1:abcd", f"256:{NEW}", f"x:{NEW}", f"1:{NEW},1:{OLD}", f"1:{NEW},", "1:" + "00" * 32, f"1:{NEW}0"],
)
def test_unusable_keys_are_refused_with_the_setting_and_the_fix(text: str) -> None:
    with pytest.raises(ValueError, match=r"LINK_KEYS: .*openssl rand -hex 32"):
        Keyring.parse(text)


def test_a_keyring_shows_no_secret() -> None:
    assert NEW not in repr(KEYS)
    assert repr(KEYS) == "Keyring(ids=[1, 2])"


def test_the_tag_matches_the_network_the_link_was_issued_to_and_no_other() -> None:
    link = read_token(*parts(make()), KEYS)
    assert links.tag_matches(link, "203.0.113.7/32", KEYS)
    assert not links.tag_matches(link, "203.0.113.8/32", KEYS)


def test_an_ipv6_link_is_bound_to_the_whole_subscriber_network() -> None:
    text = issue_click_link(7, 8, "2001:db8:1:2::9", PAGE, NOW, keyring=KEYS, base_url="", v6_prefix=64)
    link = read_token(*parts(text), KEYS)
    assert links.tag_matches(link, "2001:db8:1:2::/64", KEYS)


def test_a_tag_for_an_unknown_key_is_refused() -> None:
    with pytest.raises(InvalidLink):
        links.ip_tag(KEYS, 9, "203.0.113.7/32")


@pytest.mark.parametrize("seconds", [-61, 0, 7200, 7201])
def test_the_age_is_measured_from_the_whole_second_of_issue(seconds: int) -> None:
    link = read_token(*parts(make()), KEYS)
    at = NOW + timedelta(seconds=seconds)
    assert links.age_seconds(link, at) == seconds + 0.25
    assert links.view_ms(link, at) == seconds * 1000 + 250
