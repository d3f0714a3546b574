"""Servers: Granian for the processes of production, waitress inside the one process of the embedded mode."""

from __future__ import annotations

import ctypes
import errno
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from multiprocessing.util import Finalize
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.mp import MPServer
from waitress import create_server, wasyncore  # type: ignore[import-untyped]

from config.clock import monotonic
from config.errors import PortTaken
from config.logs import configure
from config.metrics import expose
from config.settings import Settings, get_settings

ALL_INTERFACES = "0.0.0.0"  # noqa: S104  production runs in containers behind a proxy
LARGEST_HEADER = 64 * 1024
LARGEST_BODY = 1024 * 1024
HEADER_SECONDS = 5
STOP_SECONDS = 15
WEB_THREADS = 8
EMBEDDED_THREADS = 16
_PR_SET_PDEATHSIG = 1
# Granian's own records take the way of all others
_LOGGING = {"version": 1, "disable_existing_loggers": False, "loggers": {"_granian": {"propagate": True}}}

Wsgi = Callable[..., Any]


def serve_redirect(settings: Settings, *, port: int, host: str = ALL_INTERFACES) -> None:
    """Serve click links until SIGTERM, in as many processes as REDIRECT_PROCESSES says."""
    configure(settings)
    serve(load_redirect, "redirect:app", host, port, Interfaces.RSGI, workers=settings.redirect_processes)


def serve_web(settings: Settings, *, port: int, host: str = ALL_INTERFACES) -> None:
    """Serve callbacks, confirmation pages and the health checks until SIGTERM."""
    configure(settings)
    serve(load_web, "web.app:app", host, port, Interfaces.WSGI, blocking_threads=WEB_THREADS)


def serve(load: Callable[[], Wsgi], target: str, host: str, port: int, interface: Interfaces, **options: Any) -> None:
    """Serve what `load` makes in each worker process until SIGTERM; raises PortTaken when others keep the port."""
    _wait_for_port(host, port)
    parent = os.getpid()

    def load_in_worker() -> Wsgi:
        _end_with(parent)
        return load()

    _server(target, host, port, interface, **options).serve(target_loader=load_in_worker, wrap_loader=False)


def load_redirect() -> Wsgi:
    """The redirect of this process, stopped in order when the process ends."""
    from web.redirect import make_app

    settings = _prepare("redirect")
    app = make_app(settings)
    # runs at the end of a worker process too, where functions registered with atexit do not
    Finalize(None, app.close, exitpriority=10)
    return app


def load_web() -> Wsgi:
    """The application of `signalbox web`, with a broker, for an answer from outside may have messages follow."""
    from web.app import make_app
    from worker.broker import load_actors, make_broker

    settings = _prepare("web")
    broker = make_broker(settings, "web")
    load_actors()
    Finalize(None, broker.close, exitpriority=10)
    return make_app(settings)


def _prepare(role: str) -> Settings:
    """Logs, metrics and the database handle of a process that serves; its first connection comes later."""
    from models.database import connect

    settings = get_settings()
    configure(settings)
    connect(settings, role=role)
    _export_metrics(settings)
    return settings


def _export_metrics(settings: Settings) -> None:
    """On the loopback; of several worker processes each takes the next free port."""
    for offset in range(settings.redirect_processes + 1 if settings.metrics_port else 0):
        try:
            expose((settings.metrics_port or 0) + offset)
        except PortTaken:
            continue
        return


def _wait_for_port(host: str, port: int) -> None:
    """Give a predecessor time to end; Granian itself would share the port, with whatever program listens there."""
    deadline = monotonic() + STOP_SECONDS
    while not is_free(host, port):
        if monotonic() > deadline:
            raise PortTaken(port, "--port")
        time.sleep(0.2)


def is_free(host: str, port: int) -> bool:
    """Whether nobody listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True


def _end_with(parent: int) -> None:
    """Have the kernel end this worker when its main process is killed, which could not do it any more."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


def _server(target: str, host: str, port: int, interface: Interfaces, **options: Any) -> MPServer:
    # the threads of the web process wait for the database more than they compute
    logging.getLogger("_granian").addFilter(lambda record: "Python threads" not in record.msg)
    return MPServer(
        target,
        address=host,
        port=port,
        interface=interface,
        http=HTTPModes.http1,
        websockets=False,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_SECONDS * 1000, max_buffer_size=LARGEST_HEADER),
        respawn_failed_workers=True,
        workers_kill_timeout=STOP_SECONDS,
        log_access=False,
        log_dictconfig=_LOGGING,
        **options,
    )


class EmbeddedServer:
    """A server in threads of this process; `port` is the one it listens on."""

    def __init__(self, app: Wsgi, port: int, host: str) -> None:
        self._sockets: dict[int, Any] = {}
        self._server = create_server(
            app,
            map=self._sockets,
            host=host,
            port=port,
            threads=EMBEDDED_THREADS,
            # who may speak for visitors is decided by TRUSTED_PROXIES, so the application must see the headers
            clear_untrusted_proxy_headers=False,
            max_request_header_size=LARGEST_HEADER,
            max_request_body_size=LARGEST_BODY,
            channel_timeout=30,
            ident=None,
            asyncore_use_poll=True,
        )
        self.port = int(self._server.effective_port)
        self._stop_by: float | None = None
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the requests under way, then close everything."""
        self._server.accepting = False
        self._stop_by = monotonic() + STOP_SECONDS
        self._server.pull_trigger()
        self._thread.join()
        self._server.task_dispatcher.shutdown(cancel_pending=True, timeout=STOP_SECONDS)
        wasyncore.close_all(self._sockets)

    def _run(self) -> None:
        while self._stop_by is None or (self._is_busy() and monotonic() < self._stop_by):
            wasyncore.loop(timeout=1, use_poll=True, map=self._sockets, count=1)

    def _is_busy(self) -> bool:
        channels = list(self._server.active_channels.values())
        return any(channel.requests or channel.total_outbufs_len for channel in channels)


def make_embedded_server(app: Wsgi, port: int, host: str = "127.0.0.1") -> EmbeddedServer:
    """A server for the embedded mode, listening but not serving yet; port 0 takes a free one.

    Raises PortTaken.
    """
    if not is_free(host, port):
        raise PortTaken(port, "--port or --redirect-port")
    return EmbeddedServer(app, port, host)
