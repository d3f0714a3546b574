"""The embedded product: redirect, web, worker and scheduler in one process on SQLite."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from cli.errors import CommandError, ExitCode
from cli.output import say
from config.settings import Settings, get_settings

_HOST = "127.0.0.1"
_STOP_MS = 22_000


def run(*, port: int, redirect_port: int) -> int:
    """Serve until Ctrl-C; a second one stops at once."""
    settings = get_settings()
    if settings.rabbitmq_url or settings.database_url:
        raise CommandError(
            "`up` runs everything on SQLite, but RABBITMQ_URL or DATABASE_URL is set",
            hint="unset them, or start the processes of the Procfile",
            code=ExitCode.USAGE,
        )
    stop = threading.Event()
    with embedded(settings, port=port, redirect_port=redirect_port):
        _stop_on_signals(stop)
        stop.wait()
        say("stopping: work in progress is finished first; Ctrl-C again stops at once")
        signal.signal(signal.SIGINT, signal.default_int_handler)
    return int(ExitCode.OK)


@contextmanager
def embedded(settings: Settings, *, port: int, redirect_port: int) -> Iterator[None]:
    """The running product; leaving the block drains and stops it."""
    from config.logs import configure
    from models import migrate
    from models.database import connect, disconnect

    configure(settings)
    connect(settings, role="up")
    with ExitStack() as stack:
        migrate.migrate()
        stack.callback(disconnect)
        broker = _broker(settings)
        stack.callback(broker.close)
        stack.enter_context(_worker(broker))
        stack.enter_context(_scheduler())
        stack.enter_context(_bot(settings))
        stack.enter_context(_servers(settings, port, redirect_port))
        yield


def _broker(settings: Settings) -> Any:
    from worker.broker import load_actors, make_broker
    from worker.embedded import SqliteBroker

    broker = make_broker(settings, "worker")
    if isinstance(broker, SqliteBroker):
        broker.claim()
    load_actors()
    return broker


@contextmanager
def _worker(broker: Any) -> Iterator[None]:
    from worker.process import start_worker

    worker = start_worker(broker, threads=4)
    try:
        yield
    finally:
        worker.stop(_STOP_MS)


@contextmanager
def _scheduler() -> Iterator[None]:
    from scheduler.process import start_background

    pulse = start_background()
    try:
        yield
    finally:
        pulse.stop()
        pulse.join()


@contextmanager
def _bot(settings: Settings) -> Iterator[None]:
    """Listens to the operators' chat, if there is one."""
    from worker.bot_listener import make

    listener = make(settings)
    if listener is None:
        yield
        return
    listener.start()
    say("bot       listens to the chat")
    try:
        yield
    finally:
        listener.stop()


@contextmanager
def _servers(settings: Settings, port: int, redirect_port: int) -> Iterator[None]:
    from web.app import make_app as make_web
    from web.redirect import make_app as make_redirect

    with ExitStack() as stack:
        redirect = make_redirect(settings)
        stack.callback(redirect.close)
        redirect_port = stack.enter_context(_server(redirect, redirect_port))
        port = stack.enter_context(_server(make_web(settings), port))
        say(f"redirect  http://{_HOST}:{redirect_port}/r/…")
        say(f"web       http://{_HOST}:{port}/")
        say(f"database  {settings.sqlite_path}")
        yield


@contextmanager
def _server(app: Callable[..., Any], port: int) -> Iterator[int]:
    """A running server; the port it listens on."""
    from web.serve import make_embedded_server

    server = make_embedded_server(app, port)
    server.start()
    try:
        yield server.port
    finally:
        server.stop()


def _stop_on_signals(stop: threading.Event) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
