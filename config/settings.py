"""The environment, read once into one frozen settings object; nothing else reads `os.environ`."""

from __future__ import annotations

import os
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from config import checks
from config.errors import SettingsError

Network = IPv4Network | IPv6Network
Networks = Annotated[tuple[Network, ...], NoDecode]


class Settings(BaseSettings):
    """Every setting, typed and checked; the field name in capitals is the variable's name."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_file=".env", env_ignore_empty=True, hide_input_in_errors=True
    )

    # where the state lives; without both URLs the product runs embedded, in one process on SQLite
    database_url: SecretStr | None = None
    rabbitmq_url: SecretStr | None = None
    sqlite_path: Path = Path("signalbox.sqlite3")
    queue_type: Literal["classic", "quorum"] = "classic"
    embedded_queue_max: int = Field(100_000, ge=1)

    # how processes run
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["auto", "json", "console"] = "auto"
    metrics_port: int | None = Field(None, ge=0, le=65535)
    worker_max_rss_mib: int = Field(512, ge=64)
    dead_letter_days: int = Field(90, ge=1)
    redirect_processes: int = Field(1, ge=1, le=64)
    redirect_threads: int = Field(32, ge=1, le=512)
    public_url: str = "http://127.0.0.1:8001"
    local_timezone: str = "UTC"

    # links and the redirect
    link_keys: SecretStr
    link_ttl_seconds: int = Field(7200, ge=60, le=86_400)
    fallback_url: str
    partner_param: str = "signalbox_partner"
    trusted_proxies: Networks = ()
    proxy_max_hops: int = Field(10, ge=1, le=100)
    sync_budget_ms: int = Field(1500, ge=100, le=10_000)
    spool_dir: Path | None = Path("spool")
    spool_max_mib: int = Field(1024, ge=1)

    # who a clicker is, and what is refused
    actor_key: Literal["net", "net+visitor"] = "net"
    ipv6_actor_prefix: int = Field(64, ge=32, le=128)
    allowlist_nets: Networks = ()
    ban_escalation: int = Field(3, ge=1)
    max_clicks_per_day: int = Field(3, ge=1)
    limit_window_hours: int = Field(24, ge=1, le=24)
    unique_window_hours: int = Field(24, ge=0, le=24 * 60)
    limit_informer_week: int | None = Field(None, ge=1)
    limit_net_day: int | None = Field(None, ge=1)
    limit_net_week: int | None = Field(None, ge=1)
    blacklist_days: int = Field(28, ge=1)
    blacklist_refresh_on_hit: bool = False
    min_view_ms_flag: int = Field(800, ge=0)
    bot_ua_action: Literal["reject", "flag"] = "reject"
    bot_ua_file: Path | None = None
    datacenter_action: Literal["reject", "flag"] = "flag"
    datacenter_file: Path | None = None
    record_over_limit_as_nonunique: bool = False

    # the advertiser side
    settlement_currency: str
    adload_driver: Literal["local", "http", "xmlrpc"] = "local"
    adload_url: str | None = None
    adload_token: SecretStr | None = None
    adload_timeout_ms: int = Field(2000, ge=100, le=30_000)
    adload_batch_timeout_ms: int = Field(10_000, ge=100, le=30_000)
    adload_retry_max_age_h: int = Field(24, ge=1)
    adload_idempotent: bool = True
    adload_notify_social: bool = True
    adload_xmlrpc_currency: str = "USD"
    outdated_window_min: int = Field(15, ge=1)
    outdated_min_errors: int = Field(3, ge=1)

    @field_validator("trusted_proxies", "allowlist_nets", mode="before")
    @classmethod
    def _split_networks(cls, value: object) -> object:
        return checks.networks(value) if isinstance(value, str) else value

    @field_validator("spool_dir", mode="before")
    @classmethod
    def _no_spool_when_off(cls, value: object) -> object:
        return None if value in ("", "off") else value

    @field_validator("link_keys")
    @classmethod
    def _usable_keys(cls, value: SecretStr) -> SecretStr:
        checks.link_keys(value.get_secret_value())
        return value

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: SecretStr | None) -> SecretStr | None:
        return value and checks.scheme(value, "postgresql", "postgres", "sqlite")

    @field_validator("rabbitmq_url")
    @classmethod
    def _known_broker(cls, value: SecretStr | None) -> SecretStr | None:
        return value and checks.scheme(value, "amqp", "amqps")

    @field_validator("fallback_url", "public_url")
    @classmethod
    def _web_address(cls, value: str) -> str:
        return checks.web_address(value)

    @field_validator("settlement_currency", "adload_xmlrpc_currency")
    @classmethod
    def _currency_code(cls, value: str) -> str:
        return checks.currency(value)

    @field_validator("local_timezone")
    @classmethod
    def _known_timezone(cls, value: str) -> str:
        return checks.timezone(value)

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Settings:
        if self.adload_driver != "local" and not self.adload_url:
            raise ValueError(
                f"ADLOAD_URL: required with ADLOAD_DRIVER={self.adload_driver}, for example http://adload.internal:8080"
            )
        return self

    @property
    def embedded(self) -> bool:
        """True when everything runs in one process on SQLite."""
        return self.rabbitmq_url is None

    @property
    def database_dsn(self) -> str:
        """The database's URL with its password; never print it."""
        return self.database_url.get_secret_value() if self.database_url else f"sqlite:///{self.sqlite_path}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment first, then `<NAME>_FILE`, then `.env`, then the defaults."""
        return init_settings, env_settings, SecretFiles(settings_cls), dotenv_settings


class SecretFiles(PydanticBaseSettingsSource):
    """Reads the value of NAME from the file that NAME_FILE points at, as secret stores mount them."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        path = os.environ.get(f"{field_name.upper()}_FILE")
        if not path or field_name in ("bot_ua", "datacenter"):
            return None, field_name, False
        return _read_secret(field_name.upper(), path), field_name, False

    def __call__(self) -> dict[str, Any]:
        values = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in values.items() if value is not None}


def _read_secret(name: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(
            [f"{name}_FILE: cannot read {path} ({error.strerror}); point it at a readable file"]
        ) from error


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process, read once; raises SettingsError naming each wrong variable."""
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError([_problem(item) for item in error.errors()]) from None


def override(**values: object) -> None:
    """Set variables for this process before the settings are read (the demo and the command line use it)."""
    for name, value in values.items():
        os.environ[name.upper()] = str(value)
    get_settings.cache_clear()


def environment() -> dict[str, str]:
    """A copy of the whole environment, for child processes."""
    return dict(os.environ)


def _problem(item: Any) -> str:
    name = ".".join(str(part) for part in item["loc"]).upper()
    if item["type"] == "missing":
        return f"{name}: is not set; {checks.HINTS.get(name, 'set it in the environment')}"
    text = item["msg"].removeprefix("Value error, ")
    hint = checks.HINTS.get(name)
    return text if not name else f"{name}: {text}" + (f"; {hint}" if hint and hint not in text else "")
