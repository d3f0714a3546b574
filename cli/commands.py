"""The commands by name, in the order of --help; the module of one is imported when it is named, or listed for help."""

from __future__ import annotations

from collections import UserDict
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

MODULES = {
    "up": "servers",
    "web": "servers",
    "redirect": "servers",
    "worker": "servers",
    "relay": "servers",
    "scheduler": "servers",
    "sandbox": "servers",
    "tasks": "inspect",
    "migrate": "inspect",
    "doctor": "inspect",
    "config": "inspect",
    "docs": "inspect",
    "enqueue": "messages",
    "run": "messages",
    "reconcile": "reconcile",
    "stats": "stats",
    "traffic": "traffic",
    "export": "export",
    "clicks": "clicks",
    "ip": "blacklist",
    "blacklist": "bans",
    "dead": "dead",
    "impressions": "impressions",
    "archive": "archive",
    "audit": "audit",
    "ledger": "ledger",
    "payouts": "payouts",
    "campaigns": "campaigns",
    "prices": "prices",
    "pipelines": "pipelines",
    "domains": "domains",
    "bot": "bot",
    "accounts": "accounts",
}
"""By command: the module that registers it, or whose `app` holds its subcommands."""


class Commands(UserDict[str, Any]):
    """The commands by name; each is the name of its module until it is first asked for."""

    def __getitem__(self, name: str) -> Any:
        if isinstance(self.data[name], str):
            self.data |= _commands(name, self.data[name])
        return self.data[name]


class Root(TyperGroup):
    """The command tree, whose branches grow when they are looked at."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = Commands(MODULES)


def _commands(name: str, module_name: str) -> dict[str, Any]:
    module, part = import_module(f"cli.{module_name}"), typer.Typer(rich_markup_mode=None)
    if hasattr(module, "register"):
        module.register(part)
    else:
        part.add_typer(module.app, name=name)
    return dict(get_group(part).commands)
