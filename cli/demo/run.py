"""The demo from end to end: its settings, its sandbox, its visitors through the real redirect, and its end."""

from __future__ import annotations

import fcntl
import secrets
import shutil
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from random import Random

import requests

from cli.demo import pipelines
from cli.demo.story import Narrator
from cli.demo.visitors import Cast, Visit
from cli.demo.world import STOPPED, World, build
from cli.errors import CommandError, ExitCode
from cli.output import say
from cli.up import embedded
from config.clock import monotonic, now
from config.settings import get_settings, override
from core.ads.links import issue_click_link
from models.database import fetch
from sandbox.server import Sandbox
from web.serve import is_free

FOLDER = Path("out/demo")
_SETTLE_SECONDS = 120.0
_CHAT = "{}/telegram/"
_HOST = "127.0.0.1"


def run_demo(*, seed: int, speed: float, visits: int | None, port: int, redirect_port: int) -> int:
    """Tell the story until Ctrl-C, or for so many visits, then print what became of them."""
    port, redirect_port = _open_port(port), _open_port(redirect_port)
    target = f"http://127.0.0.1:{port}"
    with _stage() as folder, Sandbox(port=0, seed=seed, target=target) as sandbox:
        _settings(folder, sandbox, port, redirect_port)
        with embedded(get_settings(), port=port, redirect_port=redirect_port):
            world = build(Random(seed))  # noqa: S311  the demo's dice
            pipelines.build(sandbox)
            _stock_adload(sandbox, world)
            _introduce(world, sandbox)
            _play(Cast(world, Random(seed)), pipelines.Watch(sandbox), speed, visits)  # noqa: S311
    return int(ExitCode.OK)


def _open_port(wanted: int) -> int:
    """The port, or any other one when another program listens there: a demo is to start."""
    if is_free(_HOST, wanted):
        return wanted
    with socket.create_server((_HOST, 0)) as any_port:
        other = int(any_port.getsockname()[1])
    say(f"port {wanted} is in use by another program; the demo takes {other}")
    return other


@contextmanager
def _stage() -> Iterator[Path]:
    """The demo's own folder, emptied first; raises CommandError while another demo plays in it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with open(FOLDER / "lock", "w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandError("another demo is running in this folder", code=ExitCode.LOCKED) from None
        shutil.rmtree(FOLDER / "data", ignore_errors=True)
        yield FOLDER


def _settings(folder: Path, sandbox: Sandbox, port: int, redirect_port: int) -> None:
    """The demo's settings, for this process and, in a file, for commands in another terminal."""
    (folder / "data").mkdir()
    values = {
        "sqlite_path": folder / "data" / "demo.sqlite3",
        "spool_dir": folder / "data" / "spool",
        "link_keys": f"1:{secrets.token_hex(32)}",
        "fallback_url": "https://www.example.com/",
        "settlement_currency": "USD",
        "trusted_proxies": "127.0.0.1",
        "public_url": f"http://127.0.0.1:{redirect_port}",
        "adload_driver": "http",
        "adload_url": sandbox.adload_url,
        "web_url": f"http://127.0.0.1:{port}",
        "smtp_url": sandbox.smtp_url,
        "data_keys": f"1:{secrets.token_hex(32)}",
        "log_level": "ERROR",
        "database_url": "",
        "rabbitmq_url": "",
        **pipelines.settings(folder, sandbox),
    }
    lines = [f"{name.upper()}={value}" for name, value in values.items()]
    (folder / "data" / "env").write_text("\n".join(lines) + "\n", encoding="utf-8")
    override(**values)


def _stock_adload(sandbox: Sandbox, world: World) -> None:
    """Tell the sandbox what each offer costs, and have it stop one campaign without a word."""
    sandbox.edit("adload", "settings", triggers=False)
    for guid in dict.fromkeys(ad.campaign_guid for ad in world.ads):
        ads = [ad for ad in world.ads if ad.campaign_guid == guid]
        offers = [{"id": str(ad.guid), "title": ad.campaign, "active": True, "cost_micros": ad.cost} for ad in ads]
        sandbox.edit("adload", str(guid), title=ads[0].campaign, offers=offers, stopped=ads[0].campaign == STOPPED)


def _introduce(world: World, sandbox: Sandbox) -> None:
    ad = world.paid()[0]
    page = "https://gazette.example/"
    link = issue_click_link(ad.offer_id, world.informers[0], "127.0.0.1", page, now(), destination=ad.url)
    say("\nA demo: made-up advertisers, publishers and visitors; nothing leaves this\nmachine. Ctrl-C ends it.\n")
    say(f"Follow a link yourself:\n  curl -si -A Firefox '{link}'\n")
    say("Ask what became of any click, in another terminal:\n  " + _question("last") + "\n")
    say(f"Mail to publishers lands in a mailbox here:\n  curl -s {sandbox.url}/mail/letters\n")
    say("Two pipelines of tracking domains are watched; operators read and press here:")
    say(f"  {_CHAT.format(sandbox.url)}\n")


def _question(click: str) -> str:
    return f"{sys.argv[0]} --env-file {FOLDER}/data/env clicks explain {click}"


def _play(cast: Cast, watch: pipelines.Watch, speed: float, visits: int | None) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    hint = f"why: {_question('ID')}"
    narrator, session, due = Narrator(hint), requests.Session(), monotonic()
    try:
        for visit in islice(cast.visits(), visits):
            _visit(session, narrator, visit)
            narrator.tell(watch.news())
            narrator.tell_own()
            due += 1 / speed
            time.sleep(max(0.0, due - monotonic()))
        _settle(narrator, watch)
    except KeyboardInterrupt:
        say("\nthe visitors go home")
    narrator.close()


def _visit(session: requests.Session, narrator: Narrator, visit: Visit) -> None:
    headers = {**visit.headers, "X-Forwarded-For": visit.address}
    answer = session.get(visit.link, headers=headers, allow_redirects=False, timeout=10)
    narrator.visit(visit.who, visit.address, visit.says, str(answer.status_code), answer.headers.get("Location", "-"))


def _settle(narrator: Narrator, watch: pipelines.Watch) -> None:
    """Wait until no click is under way any more and the pipeline has switched, but not for ever."""
    deadline = monotonic() + _SETTLE_SECONDS
    open_work = "select count(*) from click where state = 'pending'"
    while (fetch(open_work)[0][0] or not watch.over()) and monotonic() < deadline:
        narrator.tell(watch.news())
        time.sleep(0.1)
    narrator.tell(watch.news())
