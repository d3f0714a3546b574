"""The environment, read once into one frozen settings object; nothing else reads `os.environ`."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from config import checks, sandbox, services
from config.errors import SettingsError
from config.sections import (
    AdLoadSettings,
    AdmissionSettings,
    BooksSettings,
    DomainsSettings,
    MailSettings,
    OutsideSettings,
    ProcessSettings,
    RedirectSettings,
    StateSettings,
)
from config.services import ServicesSettings


class Settings(
    StateSettings,
    ProcessSettings,
    RedirectSettings,
    AdmissionSettings,
    AdLoadSettings,
    BooksSettings,
    MailSettings,
    DomainsSettings,
    OutsideSettings,
    ServicesSettings,
    BaseSettings,
):
    """Every setting, typed and checked; the field name in capitals is the variable's name."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_file=".env", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _as_meant(cls, values: dict[str, object]) -> dict[str, object]:
        """Empty is unset, the sandbox stands in for what is unset, and what is switched off is unset in any case."""
        given = {name: value for name, value in values.items() if value != "" or name == "spool_dir"}
        url = given.get("sandbox_url")
        return services.without_switched_off(sandbox.stand_ins(str(url)) | given if url else given)

    @field_validator("trusted_proxies", "allowlist_nets", "dns_sinkholes", mode="before")
    @classmethod
    def _split_networks(cls, value: object) -> object:
        return checks.networks(value) if isinstance(value, str) else value

    @field_validator("spool_dir", mode="before")
    @classmethod
    def _no_spool_when_off(cls, value: object) -> object:
        return None if value in ("", "off") else value

    @field_validator(*checks.SECRETS)
    @classmethod
    def _usable_secret(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is not None:
            checks.SECRETS[str(info.field_name)](value.get_secret_value())
        return value

    @field_validator("safety_checker_url", "gsc_base_url", "gsc_token_url")
    @classmethod
    def _safe_address(cls, value: str | None) -> str | None:
        return value and checks.private_address(value)

    @field_validator("dns_upstreams")
    @classmethod
    def _usable_resolvers(cls, value: str) -> str:
        for item in filter(None, map(str.strip, value.split(","))):
            if item != "system":
                checks.resolver_address(item)
        return value

    @field_validator("sandbox_url")
    @classmethod
    def _known_sandbox(cls, value: str | None) -> str | None:
        return value and checks.web_address(value)

    @field_validator("smtp_url")
    @classmethod
    def _known_mail_server(cls, value: SecretStr | None) -> SecretStr | None:
        return value and checks.scheme(value, "smtp", "smtps")

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: SecretStr | None) -> SecretStr | None:
        return value and checks.scheme(value, "postgresql", "postgres", "sqlite")

    @field_validator("rabbitmq_url")
    @classmethod
    def _known_broker(cls, value: SecretStr | None) -> SecretStr | None:
        return value and checks.scheme(value, "amqp", "amqps")

    @field_validator("fallback_url", "public_url", "web_url")
    @classmethod
    def _web_address(cls, value: str) -> str:
        return checks.web_address(value)

    @field_validator("telegram_webhook_url")
    @classmethod
    def _callable_by_telegram(cls, value: str | None) -> str | None:
        return value and checks.webhook_address(value)

    @field_validator("telegram_webhook_secret")
    @classmethod
    def _secret_for_telegram(cls, value: SecretStr | None) -> SecretStr | None:
        return value and checks.webhook_secret(value)

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
                f"ADLOAD_URL: required with ADLOAD_DRIVER={self.adload_driver}, for example https://adload.example.com"
            )
        if self.adload_driver == "xmlrpc" and self.adload_xmlrpc_currency != self.settlement_currency:
            raise ValueError("ADLOAD_XMLRPC_CURRENCY: must equal SETTLEMENT_CURRENCY; XML-RPC knows no rates")
        if self.archive_after_days < self.close_after_days:
            raise ValueError("ARCHIVE_AFTER_DAYS: must not be below CLOSE_AFTER_DAYS; an open day needs its clicks")
        if self.purge_after_days is not None and self.purge_after_days <= self.archive_after_days:
            raise ValueError("PURGE_AFTER_DAYS: must be above ARCHIVE_AFTER_DAYS; only archived days are purged")
        return self

    @model_validator(mode="after")
    def _bot_can_listen(self) -> Settings:
        if self.telegram_mode == "webhook" and not (self.telegram_webhook_url and self.telegram_webhook_secret):
            raise checks.lacks_webhook("SECRET" if self.telegram_webhook_url else "URL")
        return self

    @model_validator(mode="after")
    def _provider_may_be_used(self) -> Settings:
        """Safe Browsing is not for business, the sandbox not for the world, and the real ones want a key."""
        name, address = self.safe_browsing_provider, self.safe_browsing_url or self.sandbox_url
        if name == "safebrowsing-v5" and not self.safe_browsing_noncommercial:
            raise ValueError(
                "SAFE_BROWSING_NONCOMMERCIAL: Safe Browsing is free for non-commercial use only; set it to true if"
                " yours is, otherwise SAFE_BROWSING_PROVIDER=webrisk"
            )
        if name == "sandbox" and not (address and checks.is_near(address)):
            raise ValueError(
                "SAFE_BROWSING_URL: with SAFE_BROWSING_PROVIDER=sandbox it (or SANDBOX_URL) must lead to this machine"
                " or to *.sandbox.test"
            )
        if name in ("safebrowsing-v5", "webrisk") and not (self.safe_browsing_key or address):
            raise ValueError(f"SAFE_BROWSING_KEY: required with SAFE_BROWSING_PROVIDER={name}")
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


def use_env_file(path: Path) -> None:
    """Read this file in place of `.env`; raises SettingsError when it is not there."""
    if not path.is_file():
        raise SettingsError([f"{path}: no such file; name a file of NAME=value lines"])
    Settings.model_config["env_file"] = path
    get_settings.cache_clear()


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
