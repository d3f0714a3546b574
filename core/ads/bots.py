"""User agents that say they are no human: a curated list, whole words only."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from config.settings import get_settings

# Names that programs give themselves. A browser that a human holds must never be caught: `cubot` and `bot` inside a
# longer word are phones; `pinterest`, `fban` and `duckduckgo` are people inside an app.
_WORDS = """
adbeat adsbot adstxtcrawler ahrefsbot aiohttp amazonbot anthropic apachebench applebot archivebot axios baiduspider
barkrowler bingbot bingpreview blexbot bot botify bytespider ccbot censysinspect checkmarknetwork claudebot claudeweb
crawler crawling curl datadog datadogsynthetics dataforseobot dataprovider diffbot discordbot dotbot duckassistbot
duckduckbot embedly exabot facebookbot facebookcatalog facebookexternalhit facebookexternalua facebot feedfetcher
feedparser freshping friendlycrawler ghostinspector gigabot googlebot googleother googleproducer gptbot grapeshot
gtmetrix guzzlehttp headlesschrome heritrix hetrixtools httpie httpunit httpx httrack iframely imagesiftbot
internetmeasurement libwww lighthouse linkcheck linkchecker linkdexbot linkedinbot lwp masscan mediapartners
mediatoolkitbot megaindex mj12bot msnbot msnbotmedia neevabot netcraftsurveyagent nikto nmap nuclei nutch oaisearchbot
okhttp omgilibot pagespeed panscient paperlibot perplexitybot petalbot phantomjs pingdom pinterestbot playwright
postmanruntime prerender proximic puppeteer pycurl qwantify redditbot rogerbot scrapy seekport selenium semanticbot
semrushbot seobilitybot seokicks serpstatbot sistrix siteaudit siteauditbot sitebot skypeuripreview slackbot slurp
spbot spider sqlmap statuscake storebot summalybot superfeedr taboolabot telegrambot tiktokspider timpibot
trendictionbot turnitinbot twitterbot uptimebot uptimerobot vkshare wget windowspowershell winhttp xenu yacybot
yandexaccessibilitybot yandexadditional yandexbot yandexdirect yandeximages yandexmetrika yandexmobilebot
yandexrenderresourcesbot yandexwebmaster yisouspider zabbix zgrab zoominfobot
"""
_PHRASES = """
apache httpclient; apis google; archive org bot; chatgpt user; claude user; claude web; cohere ai; fasthttp client;
feed wrangler; feedly 1; go http client; google adwords; google inspectiontool; google page speed; google
pagerenderer; google read aloud; google site verification; google structured data testing tool; google web preview;
jakarta commons httpclient; java http client; mail ru bot; meta externalagent; meta externalfetcher; microsoft office
existence discovery; ms search; node fetch; node superagent; python requests; python urllib; reactor netty; rest
client; screaming frog; site24x7; sogou web; w3c validator; whatsapp 2; yeti 1
"""
_SEPARATORS = {code: " " for code in range(128) if not chr(code).isalnum()}
_LONGEST = 512


class BotList:
    """Names of bots, compared with the words of a user agent."""

    def __init__(self, names: Iterable[str]) -> None:
        normal = {_normal(name) for name in names} - {""}
        self._words = frozenset(name for name in normal if " " not in name)
        self._phrases = tuple(f" {name} " for name in sorted(normal) if " " in name)

    def is_bot(self, user_agent: str) -> bool:
        """True if the user agent is empty or holds one of the names as whole words."""
        text = _normal(user_agent)
        if not text or not self._words.isdisjoint(text.split()):
            return True
        padded = f" {text} "
        return any(phrase in padded for phrase in self._phrases)


def _normal(text: str) -> str:
    """Lower-case words with one blank between them."""
    return " ".join(text[:_LONGEST].lower().translate(_SEPARATORS).split())


def read_names(path: Path) -> list[str]:
    """One name per line, `#` starts a comment; raises ValueError naming the file when it cannot be read."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"BOT_UA_FILE: cannot read {path}; write one name per line in UTF-8") from error
    return [name for line in lines if (name := line.partition("#")[0].strip())]


@lru_cache(maxsize=4)
def bot_list(extra: Path | None = None) -> BotList:
    """The curated list, with the names of one more file."""
    names = [*_WORDS.split(), *_PHRASES.split(";")]
    return BotList([*names, *(read_names(extra) if extra else [])])


@lru_cache(maxsize=8192)
def is_bot(user_agent: str) -> bool:
    """True if the user agent names a bot of the curated list or of BOT_UA_FILE, or is empty."""
    return bot_list(get_settings().bot_ua_file).is_bot(user_agent)
