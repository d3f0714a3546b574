"""Tests of the list of bots."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ads.bots import BotList, bot_list, read_names

BOTS = [
    "",
    "   ",
    "-",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
    "AdsBot-Google (+http://www.google.com/adsbot.html)",
    "Mediapartners-Google",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "TelegramBot (like TwitterBot)",
    "WhatsApp/2.23.20.0",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/120.0 Safari/537.36",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ChatGPT-User/1.0; +https://openai.com/bot)",
    "python-requests/2.31.0",
    "Python-urllib/3.11",
    "Go-http-client/1.1",
    "curl/8.4.0",
    "Wget/1.21",
    "Scrapy/2.11 (+https://scrapy.org)",
    "Apache-HttpClient/4.5.14 (Java/17)",
    "node-fetch/1.0",
    "Sogou web spider/4.0",
]
HUMANS = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36",
    "Mozilla/5.0 (Linux; Android 10; CUBOT NOTE 20) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 9; Cubot_X19) AppleWebKit/537.36 Chrome/110.0 Mobile Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 [FBAN/FBIOS;FBAV/440.0]",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Mobile/15E148 DuckDuckGo/7 Safari/605.1.15",
    "Mozilla/5.0 (Linux; Android 13; SM-G991B) Chrome/120.0 Mobile Safari/537.36 [Pinterest/Android]",
    "Mozilla/5.0 (Windows NT 10.0) Chrome/118.0 YaBrowser/23.11 Safari/537.36",
    "Mozilla/5.0 (Linux; U; Android 11) SogouMobileBrowser/5.26",
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
]


@pytest.mark.parametrize("user_agent", BOTS)
def test_a_program_that_names_itself_is_a_bot(user_agent: str) -> None:
    assert bot_list().is_bot(user_agent)


@pytest.mark.parametrize("user_agent", HUMANS)
def test_a_browser_is_no_bot(user_agent: str) -> None:
    assert not bot_list().is_bot(user_agent)


def test_names_are_whole_words_in_any_case() -> None:
    bots = BotList(["Acme", "acme-client/2"])
    assert [bots.is_bot(text) for text in ("x ACME/1", "(acme;", "acme client 2.0")] == [True] * 3
    assert [bots.is_bot(text) for text in ("acmes", "xacme", "äacme", "acmeclient 2")] == [False] * 4


def test_a_further_file_adds_names(tmp_path: Path) -> None:
    file = tmp_path / "bots.txt"
    file.write_text("# ours\nAcmeMonitor\n\nfoo fetcher  # theirs\n", encoding="utf-8")
    assert read_names(file) == ["AcmeMonitor", "foo fetcher"]
    bots = bot_list(file)
    assert bots.is_bot("acmemonitor/1.0")
    assert bots.is_bot("Foo-Fetcher/2")
    assert bots.is_bot("curl/8")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"BOT_UA_FILE: cannot read .*missing"):
        bot_list(tmp_path / "missing")


@given(st.text())
def test_any_text_is_judged(text: str) -> None:
    assert bot_list().is_bot(text) in (True, False)
