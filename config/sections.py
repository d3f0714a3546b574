"""Every setting by what it is about: its type, default, bounds, and one line that says what it does."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import NoDecode

from config import checks

Network = IPv4Network | IPv6Network
Networks = Annotated[tuple[Network, ...], NoDecode]


class Section(BaseModel):
    """One part of the settings; only the whole is ever made, so that no part needs a validator of its own."""

    model_config = ConfigDict(defer_build=True)


class StateSettings(Section):
    """Where the state lives; without both URLs the product runs embedded."""

    database_url: SecretStr | None = Field(None, description="PostgreSQL address; unset = SQLite")
    rabbitmq_url: SecretStr | None = Field(
        None, description="RabbitMQ address, several separated by commas; unset = embedded, one process"
    )
    sqlite_path: Path = Field(Path("signalbox.sqlite3"), description="the SQLite file of the embedded mode")
    queue_type: Literal["classic", "quorum"] = Field(
        "classic", description="type of the queues in RabbitMQ; quorum needs three nodes to be worth it"
    )
    embedded_queue_max: int = Field(
        100_000, ge=1, description="how many messages the embedded queue holds before clicks are decided inline"
    )


class ProcessSettings(Section):
    """How processes run."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="the least severe level that is logged"
    )
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="json for machines, console for people; auto decides by the terminal"
    )
    ca_bundle: Path | None = Field(
        None, description="file of certificate authorities for outgoing calls; unset = the usual ones"
    )
    metrics_port: int | None = Field(
        None, ge=0, le=65535, description="loopback port of the Prometheus metrics of this process; unset = off"
    )
    worker_max_rss_mib: int = Field(
        512, ge=64, description="memory at which a worker process ends itself to be restarted"
    )
    dead_letter_days: int = Field(90, ge=1, description="days that settled dead letters are kept")
    redirect_processes: int = Field(1, ge=1, le=64, description="redirect processes that `signalbox redirect` starts")
    redirect_threads: int = Field(
        32, ge=1, le=512, description="threads of one redirect process; each waits for the confirm of its click"
    )
    public_url: str = Field(
        "http://127.0.0.1:8001", description="address under which visitors reach the redirect; links start with it"
    )
    local_timezone: str = Field("UTC", description="the zone of reports and of days in statistics")


class RedirectSettings(Section):
    """Links and the redirect."""

    link_keys: SecretStr = Field(
        description="keys that sign links, as id:hex, two during a rotation; the first one signs"
    )
    link_ttl_seconds: int = Field(7200, ge=60, le=86_400, description="how long a link is valid, in seconds")
    fallback_url: str = Field(description="where visitors of links that cannot be resolved are sent")
    partner_param: str = Field(
        "signalbox_partner", description="the query parameter that names the site to the advertiser"
    )
    trusted_proxies: Networks = Field((), description="networks of our own proxies, whose X-Forwarded-For is believed")
    proxy_max_hops: int = Field(10, ge=1, le=100, description="how many forwarded addresses are looked at")
    sync_budget_ms: int = Field(
        1500, ge=100, le=10_000, description="how long a request may wait for its click where no spool is kept, in ms"
    )
    spool_dir: Path | None = Field(
        Path("spool"), description="folder of clicks that neither broker nor database took; off = no durable disk"
    )
    spool_max_mib: int = Field(1024, ge=1, description="size of the spool beyond which it counts as full")


class AdmissionSettings(Section):
    """Who a clicker is, and what is refused."""

    actor_key: Literal["net", "net+visitor"] = Field(
        "net", description="who a clicker is: the network, or the network and the visitor cookie"
    )
    ipv6_actor_prefix: int = Field(
        64, ge=32, le=128, description="length of the IPv6 network that counts as one clicker"
    )
    allowlist_nets: Networks = Field((), description="networks that are never listed automatically")
    ban_escalation: int = Field(
        3, ge=1, description="bans of visitors of one network after which the network itself is listed"
    )
    max_clicks_per_day: int = Field(
        3, ge=1, description="clicks of one clicker within the window that are recorded; the next one is refused"
    )
    limit_window_hours: int = Field(24, ge=1, le=24, description="length of that window, rolling, in hours")
    unique_window_hours: int = Field(
        24,
        ge=0,
        le=24 * 60,
        description="within this many hours a second click on the same offer is not unique; 0 = ever",
    )
    limit_informer_week: int | None = Field(
        None, ge=1, description="clicks of one clicker per informer and week; unset = off"
    )
    limit_net_day: int | None = Field(
        None, ge=1, description="clicks of one network per day over all informers; unset = off"
    )
    limit_net_week: int | None = Field(
        None, ge=1, description="clicks of one network per week over all informers; unset = off"
    )
    blacklist_days: int = Field(
        28, ge=1, description="days without a violation after which an automatic entry is deleted"
    )
    blacklist_refresh_on_hit: bool = Field(False, description="whether attempts of a listed network renew its entry")
    min_view_ms_flag: int = Field(
        800, ge=0, description="a click sooner than this after the show is flagged as too fast, in ms"
    )
    bot_ua_action: Literal["reject", "flag"] = Field("reject", description="what happens to clicks of known bots")
    bot_ua_file: Annotated[Path, AfterValidator(checks.lines_of)] | None = Field(
        None, description="file of further bot names, one per line"
    )
    datacenter_action: Literal["reject", "flag"] = Field("flag", description="what happens to clicks from data centres")
    datacenter_file: Annotated[Path, AfterValidator(checks.network_lines)] | None = Field(
        None, description="file of data-centre networks, one per line"
    )
    record_over_limit_as_nonunique: bool = Field(False, description="also store an over-limit click as a free one")


class AdLoadSettings(Section):
    """The advertiser side."""

    settlement_currency: str = Field(description="the currency of every amount")
    adload_driver: Literal["local", "http", "xmlrpc"] = Field(
        "local", description="how AdLoad is reached: in this database, over HTTP, over XML-RPC"
    )
    adload_url: Annotated[str, AfterValidator(checks.private_address)] | None = Field(
        None, description="address of AdLoad; required for http and xmlrpc"
    )
    adload_token: SecretStr | None = Field(None, description="bearer token for AdLoad")
    adload_timeout_ms: int = Field(2000, ge=100, le=30_000, description="total time of one call to AdLoad, in ms")
    adload_batch_timeout_ms: int = Field(
        10_000, ge=100, le=30_000, description="total time of a batch call to AdLoad, in ms"
    )
    adload_retry_max_age_h: int = Field(
        24, ge=1, description="hours after which a click that AdLoad never answered becomes an error"
    )
    adload_idempotent: bool = Field(
        True, description="whether AdLoad answers a repeated click id with the first answer"
    )
    adload_notify_social: bool = Field(True, description="whether social clicks are sent to AdLoad")
    adload_xmlrpc_currency: str = Field("USD", description="the currency of amounts in XML-RPC answers")
    outdated_window_min: int = Field(15, ge=1, description="minutes over which refusals of a campaign are counted")
    outdated_min_errors: int = Field(
        3, ge=1, description="refusals within that window that make a campaign be refreshed"
    )
    click_events: bool = Field(
        False, description="whether clicks that count are told to subscribers of the event exchange"
    )


class BooksSettings(Section):
    """Statistics, payouts, and how long what is kept."""

    close_after_days: int = Field(
        35, ge=1, description="days after which a day's earnings are closed; later changes become adjustments"
    )
    archive_after_days: int = Field(60, ge=2, description="days after which a day's clicks leave the live tables")
    purge_after_days: int | None = Field(
        None, ge=3, description="days after which an archived day is dropped; unset = never"
    )
    archive_path: Path | None = Field(
        None, description="file of the archive on SQLite; unset = beside SQLITE_PATH, named archive"
    )
    ip_retention_days: int = Field(90, ge=1, description="days after which addresses of clicks are erased")
    rejected_retention_days: int = Field(30, ge=2, description="days that rejected clicks are kept")
    error_retention_days: int = Field(180, ge=2, description="days that settled click errors are kept")
    impression_tokens: SecretStr | None = Field(
        None, description="tokens of ad servers that send impressions, as name:token, separated by commas"
    )
    impression_silence_min: int = Field(
        60, ge=1, description="minutes after which an ad server that sends no impressions is reported as silent"
    )
    require_manager_agree: bool = Field(True, description="whether a payout needs an agreement before it is paid")
    moneyout_confirm_hours: int = Field(72, ge=1, le=720, description="hours a publisher has to confirm a payout")
    data_keys: SecretStr | None = Field(
        None, description="keys that encrypt payout details, as id:hex, the first one encrypts; required for payouts"
    )


class MailSettings(Section):
    """Our own mail, to publishers and operators."""

    smtp_url: SecretStr | None = Field(
        None, description="SMTP server, smtp://user:password@host:587 or smtps://; unset = mail waits and is reported"
    )
    mail_from: str = Field("Signalbox <noreply@localhost>", description="sender of our own mail")
    operators_mail: Annotated[str, AfterValidator(checks.mail_addresses)] | None = Field(
        None, description="addresses, separated by commas, that are told what the chat could not be told for 2 minutes"
    )
    web_url: str = Field(
        "http://127.0.0.1:8000", description="address under which people reach the web process; links in mail use it"
    )


class DomainsSettings(Section):
    """Tracking domains: how they are checked, when pipelines switch, and what slows a switch down."""

    check_active_links_interval: int = Field(300, ge=1, description="seconds between checks of active domains")
    safe_browsing_provider: Literal["safebrowsing-v5", "webrisk", "sandbox"] | None = Field(
        None, description="who is asked about reputation; unset = every reputation verdict is unknown"
    )
    safe_browsing_noncommercial: bool = Field(
        False, description="confirms that safebrowsing-v5 is used without commercial purpose, as its terms ask"
    )
    safe_browsing_key: SecretStr | None = Field(None, description="key of Safe Browsing or Web Risk")
    safe_browsing_url: str | None = Field(None, description="address of the provider; unset = the usual one")
    dns_upstreams: str = Field(
        "system,1.1.1.1,8.8.8.8", description="resolvers that vote, as system, address or address:port"
    )
    dns_sinkholes: Networks = Field((), description="further networks that only a sinkhole answers with")
    confirm_after: int = Field(30, ge=0, description="seconds between the first and the second answer of a listing")
    dns_confirm_after: int = Field(60, ge=0, description="seconds between two rounds of DNS votes")
    dns_confirm_rounds: int = Field(2, ge=2, description="negative rounds after which a domain does not resolve")
    canary_names: str = Field("example.com,iana.org", description="names that always resolve, to prove our own line")
    canary_listed_url: str = Field(
        "http://testsafebrowsing.appspot.com/s/malware.html", description="an address that is always listed"
    )
    canary_clean_url: str = Field("https://example.com/", description="an address that is never listed")
    safety_request_ttl: int = Field(55, ge=1, description="minutes in which a safety request may be answered")
    safety_checker_url: str | None = Field(
        None, description="address of an outside checker of domains; unset = the built-in one"
    )
    safety_callback_secrets: SecretStr | None = Field(
        None, description="secrets that sign answers to safety requests, as kid:secret, two during a rotation"
    )
    blast_radius_percent: int = Field(30, ge=1, le=100, description="share of bad domains at which nobody switches")
    blast_radius_min: int = Field(3, ge=1, description="number of bad domains below which that share says nothing")
    switch_cool_down: int = Field(600, ge=0, description="seconds between two switches of a pipeline")
    max_switches_per_day: int = Field(2, ge=1, description="automatic switches of a pipeline within 24 hours")
    return_after_quiet: int = Field(6, ge=0, description="hours a blocked domain stays away at least")
    platform_check_interval: int = Field(600, ge=30, description="seconds between two looks at the platforms")
    affise_max_items: int = Field(200, ge=1, description="changes at Affise that need no person to agree")


class OutsideSettings(Section):
    """Voluum, Affise, Telegram and the registries."""

    sandbox_url: str | None = Field(None, description="a sandbox that plays every outside service; for demo and tests")
    voluum_base_url: str = Field("https://api.voluum.com", description="address of Voluum")
    voluum_access_id: str | None = Field(None, description="access id for Voluum")
    voluum_access_key: SecretStr | None = Field(None, description="access key for Voluum")
    affise_base_url: str | None = Field(None, description="address of Affise, https://api-COMPANY.affise.com")
    affise_api_key: SecretStr | None = Field(None, description="key for Affise")
    affise_transient_texts: str = Field("", description="texts of Affise that mean: try again, separated by semicolons")
    rdap_bootstrap_url: str = Field(
        "https://data.iana.org/rdap/dns.json", description="which registry serves which zone"
    )
    gsc_service_account: SecretStr | None = Field(
        None, description="key of a service account for Search Console, as JSON or the path of its file"
    )
    gsc_base_url: str = Field("https://searchconsole.googleapis.com", description="address of Search Console")
    gsc_token_url: str = Field(
        "https://oauth2.googleapis.com/token", description="where that key is exchanged for a token"
    )
    telegram_bot_token: SecretStr | None = Field(None, description="token of the bot that tells operators")
    telegram_chat_id: int | None = Field(None, description="the group that it tells")
    telegram_thread_id: int | None = Field(None, description="the topic of that group; unset = the general one")
    telegram_group_per_min: int = Field(15, ge=1, le=20, description="messages a minute to one group")
    telegram_mode: Literal["polling", "webhook", "off"] = Field(
        "polling", description="how the bot listens: it asks for news, is sent it, or does not listen"
    )
    telegram_webhook_url: str | None = Field(
        None, description="address under which Telegram reaches /telegram of the web process; required for webhook"
    )
    telegram_webhook_secret: SecretStr | None = Field(
        None, description="what each delivery carries to prove where it comes from; required for webhook"
    )
    telegram_api_url: str = Field("https://api.telegram.org", description="address of Telegram")
