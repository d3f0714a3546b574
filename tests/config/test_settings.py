"""Settings: what is refused and how it is said, what stays secret, which source wins."""

from __future__ import annotations

import os
import re
from ipaddress import ip_network
from pathlib import Path

import pytest
from pydantic import ValidationError

from config.errors import SettingsError
from config.settings import Settings, environment, get_settings, override
from tests.conftest import REQUIRED, SettingsEnv

KEY = "ab12" * 16


def refusal(settings_env: SettingsEnv, **variables: str) -> str:
    with pytest.raises(SettingsError) as caught:
        settings_env(**variables)
    return str(caught.value)


def test_the_required_variables_are_enough(settings_env: SettingsEnv) -> None:
    settings = settings_env()
    assert settings.settlement_currency == "USD"
    assert settings.embedded


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_variable_is_named_with_an_example(
    settings_env: SettingsEnv, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv(name)
    text = refusal(settings_env)
    assert text.startswith(f"{name}: is not set; ")
    assert re.search(r"example|openssl", text)


def test_all_problems_are_listed_at_once(settings_env: SettingsEnv) -> None:
    text = refusal(settings_env, FALLBACK_URL="nowhere", SETTLEMENT_CURRENCY="dollars", LOG_LEVEL="LOUD")
    assert [line.partition(":")[0] for line in sorted(text.splitlines())] == [
        "FALLBACK_URL",
        "LOG_LEVEL",
        "SETTLEMENT_CURRENCY",
    ]


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("LINK_KEYS", "secret", "id:hex"),
        ("LINK_KEYS", "1:abcd", "32 random bytes"),
        ("LINK_KEYS", "1:" + "00" * 32, "32 random bytes"),
        ("LINK_KEYS", f"300:{KEY}", "id:hex"),
        ("LINK_KEYS", f"1:{KEY},1:{KEY}", "used twice"),
        ("OPERATORS_MAIL", "Anna <anna@example.com>", "separated by commas"),
        ("OPERATORS_MAIL", "ops@example.com,", "for example ops@example.com"),
        ("DATABASE_URL", "mysql://host/name", "postgresql://"),
        ("RABBITMQ_URL", "redis://host", "amqp://"),
        ("FALLBACK_URL", "www.example.com", "http://"),
        ("PUBLIC_URL", "ftp://example.com", "http://"),
        ("SETTLEMENT_CURRENCY", "usd", "capital letters"),
        ("LOCAL_TIMEZONE", "Mars/Olympus", "Europe/Paris"),
        ("TRUSTED_PROXIES", "10.0.0.0/99", "10.0.0.0/8"),
        ("ALLOWLIST_NETS", "everyone", "198.51.100.0/24"),
        ("QUEUE_TYPE", "stream", "'classic' or 'quorum'"),
        ("ADLOAD_DRIVER", "soap", "'local', 'http' or 'xmlrpc'"),
        ("EMBEDDED_QUEUE_MAX", "0", "greater than or equal to 1"),
        ("BLACKLIST_DAYS", "many", "valid integer"),
        ("IPV6_ACTOR_PREFIX", "129", "less than or equal to 128"),
        ("ADLOAD_URL", "adload.example.com", "https://adload.example.com"),
        ("ADLOAD_URL", "http://adload.example.com", "plain http is allowed to this machine"),
        ("BOT_UA_FILE", "/nowhere/bots.txt", "one name per line"),
        ("DATACENTER_FILE", "/nowhere/nets.txt", "one network per line"),
    ],
)
def test_a_wrong_value_is_refused_with_the_remedy(
    settings_env: SettingsEnv, name: str, value: str, remedy: str
) -> None:
    text = refusal(settings_env, **{name: value})
    assert text.startswith(f"{name}: ")
    assert remedy in text


def test_a_remote_driver_needs_an_address(settings_env: SettingsEnv) -> None:
    text = refusal(settings_env, ADLOAD_DRIVER="http")
    assert text.startswith("ADLOAD_URL: required with ADLOAD_DRIVER=http, for example http")


def test_xmlrpc_in_a_currency_that_we_do_not_settle_in_is_refused_at_the_start(settings_env: SettingsEnv) -> None:
    address = {"ADLOAD_DRIVER": "xmlrpc", "ADLOAD_URL": "https://adload.example.com"}
    assert refusal(settings_env, **address, ADLOAD_XMLRPC_CURRENCY="EUR").startswith("ADLOAD_XMLRPC_CURRENCY: must")
    assert settings_env(**address, ADLOAD_XMLRPC_CURRENCY="USD").adload_driver == "xmlrpc"


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (b"198.51.100.0/24\nnot a network # of ours\n", "line 2 of"),
        (b"198.51.100.0/99\n", "line 1 of"),
        (b"\xff\xfe\n", "no text in UTF-8"),
    ],
)
def test_a_list_that_would_fail_every_click_is_refused_at_the_start(
    settings_env: SettingsEnv, tmp_path: Path, lines: bytes, problem: str
) -> None:
    path = tmp_path / "nets.txt"
    path.write_bytes(lines)
    text = refusal(settings_env, DATACENTER_FILE=str(path))
    assert text.startswith("DATACENTER_FILE: ")
    assert problem in text


def test_lists_with_comments_blank_lines_and_several_networks_in_a_line_are_taken(
    settings_env: SettingsEnv, tmp_path: Path
) -> None:
    path = tmp_path / "nets.txt"
    path.write_text("# ours\n\n198.51.100.0/24 203.0.113.7, 2001:db8::/32 # theirs\n", encoding="utf-8")
    assert settings_env(DATACENTER_FILE=str(path), BOT_UA_FILE=str(path)).datacenter_file == path


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LINK_KEYS", "1:0badc0de"),
        ("DATABASE_URL", "mysql://user:0badc0de@host/name"),
        ("RABBITMQ_URL", "amqps0://user:0badc0de@host/name"),
    ],
)
def test_a_refusal_never_repeats_a_secret(settings_env: SettingsEnv, name: str, value: str) -> None:
    assert "0badc0de" not in refusal(settings_env, **{name: value})


def test_settings_never_show_their_secrets(settings_env: SettingsEnv) -> None:
    settings = settings_env(
        LINK_KEYS=f"1:{KEY}",
        DATABASE_URL="postgresql://user:0badc0de@host/name",
        RABBITMQ_URL="amqp://user:0badc0de@host/",
        ADLOAD_TOKEN="0badc0de",
    )
    shown = f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    assert "0badc0de" not in shown
    assert KEY not in shown


def test_a_secret_may_come_from_a_file(
    settings_env: SettingsEnv, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "keys").write_text(f"7:{KEY}\n")
    monkeypatch.delenv("LINK_KEYS")
    assert settings_env(LINK_KEYS_FILE=str(tmp_path / "keys")).link_keys.get_secret_value() == f"7:{KEY}"


def test_the_environment_wins_over_a_file(settings_env: SettingsEnv, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(f"7:{KEY}")
    settings = settings_env(LINK_KEYS_FILE=str(tmp_path / "keys"))
    assert settings.link_keys.get_secret_value() == REQUIRED["LINK_KEYS"]


def test_a_file_that_cannot_be_read_is_named(settings_env: SettingsEnv, tmp_path: Path) -> None:
    text = refusal(settings_env, ADLOAD_TOKEN_FILE=str(tmp_path / "missing"))
    assert text.startswith(f"ADLOAD_TOKEN_FILE: cannot read {tmp_path}/missing (No such file or directory)")


def test_the_environment_wins_over_the_development_file(
    settings_env: SettingsEnv, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("BLACKLIST_DAYS=5\nBAN_ESCALATION=9\n")
    monkeypatch.setitem(Settings.model_config, "env_file", tmp_path / ".env")
    settings = settings_env(BLACKLIST_DAYS="6")
    assert (settings.blacklist_days, settings.ban_escalation) == (6, 9)


def test_an_empty_variable_counts_as_unset(settings_env: SettingsEnv) -> None:
    settings = settings_env(RABBITMQ_URL="", BLACKLIST_DAYS="")
    assert settings.rabbitmq_url is None
    assert settings.blacklist_days == 28


@pytest.mark.parametrize("value", ["", "off"])
def test_the_spool_can_be_switched_off(settings_env: SettingsEnv, value: str) -> None:
    assert settings_env(SPOOL_DIR=value).spool_dir is None


def test_networks_are_a_list_with_commas(settings_env: SettingsEnv) -> None:
    settings = settings_env(TRUSTED_PROXIES="10.0.0.0/8, 192.0.2.7,2001:db8::/32")
    wanted = tuple(ip_network(text) for text in ("10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32"))
    assert settings.trusted_proxies == wanted


def test_a_broker_makes_it_the_server_mode(settings_env: SettingsEnv) -> None:
    assert not settings_env(RABBITMQ_URL="amqp://localhost").embedded


def test_without_a_database_address_the_file_is_used(settings_env: SettingsEnv, tmp_path: Path) -> None:
    assert settings_env().database_dsn == f"sqlite:///{tmp_path}/signalbox.sqlite3"
    assert settings_env(DATABASE_URL="postgresql://u:p@h/n").database_dsn == "postgresql://u:p@h/n"


def test_settings_cannot_be_changed(settings_env: SettingsEnv) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        settings_env().blacklist_days = 1  # type: ignore[misc]


def test_settings_are_read_once(settings_env: SettingsEnv) -> None:
    assert settings_env() is get_settings()


def test_an_override_is_seen_by_this_process_and_its_children(
    settings_env: SettingsEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings_env(BLACKLIST_DAYS="6")
    override(blacklist_days=7)
    assert get_settings().blacklist_days == 7
    assert environment()["BLACKLIST_DAYS"] == "7"
    monkeypatch.delenv("BLACKLIST_DAYS")


def test_the_environment_is_a_copy(settings_env: SettingsEnv) -> None:
    settings_env()
    environment()["ONLY_IN_THE_COPY"] = "1"
    assert "ONLY_IN_THE_COPY" not in os.environ


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_says_what_it_does(name: str) -> None:
    assert Settings.model_fields[name].description


def test_only_the_settings_module_reads_the_environment() -> None:
    root = Path(__file__).parents[2]
    packages = ("cli", "config", "core", "integrations", "models", "scheduler", "web", "worker")
    readers = [
        str(path.relative_to(root))
        for package in packages
        for path in (root / package).rglob("*.py")
        if re.search(r"os\.(environ|getenv)", path.read_text())
    ]
    assert readers == ["config/settings.py"]
