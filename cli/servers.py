"""Commands that stay: the embedded product, and the processes that a production installation is made of."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Port = Annotated[int, typer.Option(min=0, max=65535)]
Lanes = Annotated[
    list[str] | None, typer.Option("--lane", help="A lane to serve; repeat for several; none = all queues.")
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the tree."""
    for command in (up, web, redirect, worker, relay, scheduler, sandbox):
        app.command()(command)


def up(
    demo: Annotated[
        bool, typer.Option("--demo", help="Made-up data and visitors; needs no keys, sends nothing out.")
    ] = False,
    seed: Annotated[int, typer.Option(help="The demo's dice; the same seed tells the same story.")] = 1,
    speed: Annotated[float, typer.Option(min=0.1, help="How many visits a second the demo makes.")] = 4.0,
    visits: Annotated[int | None, typer.Option(help="Stop the demo after so many visits.")] = None,
    port: Port = 8000,
    redirect_port: Port = 8001,
) -> int:
    """Run the whole product in this process, on SQLite.

    Examples:

      signalbox up --demo

      signalbox up --redirect-port 9001
    """
    from cli.up import run

    if demo:
        from cli.demo.run import run_demo

        return run_demo(seed=seed, speed=speed, visits=visits, port=port, redirect_port=redirect_port)
    return run(port=port, redirect_port=redirect_port)


def web(port: Port = 8000) -> None:
    """Serve callbacks, impressions, confirmation pages and health pages.

    Examples:

      signalbox web

      signalbox web --port 9000
    """
    from cli.session import database
    from web.serve import serve_web

    with database("web") as settings:
        pass
    serve_web(settings, port=port)


def redirect(port: Port = 8001) -> None:
    """Serve click links: 302 to the advertiser, the click to the queue.

    Examples:

      signalbox redirect

      REDIRECT_PROCESSES=2 signalbox redirect --port 9001
    """
    from config.settings import get_settings
    from web.serve import serve_redirect

    serve_redirect(get_settings(), port=port)


def worker(
    lane: Lanes = None,
    queues: Annotated[str, typer.Option(help="Queues by name, comma-separated, instead of lanes.")] = "",
    threads: Annotated[int | None, typer.Option(min=1, max=256)] = None,
) -> int:
    """Run tasks of these lanes, or of all queues.

    Examples:

      signalbox worker

      signalbox worker --lane clicks --threads 2
    """
    from config.settings import get_settings
    from worker.process import run

    names = [name.strip() for name in queues.split(",") if name.strip()]
    return run(get_settings(), lanes=lane or [], queues=names, threads=threads)


def relay() -> int:
    """Publish what waits in the outbox, and file dead letters.

    Examples:

      signalbox relay

      METRICS_PORT=9101 signalbox relay
    """
    from config.settings import get_settings
    from worker.outbox import run

    return run(get_settings())


def scheduler() -> None:
    """Fire the periodic tasks; any number of these may run.

    Examples:

      signalbox scheduler

      METRICS_PORT=9102 signalbox scheduler
    """
    from config.settings import get_settings
    from scheduler.process import run

    run(get_settings())


def sandbox(
    port: Port = 8700,
    seed: int = 1,
    journal: Annotated[
        Path | None, typer.Option(help="Append every request to this file before it is answered.")
    ] = None,
    target: Annotated[str, typer.Option(help="Where receipts and callbacks go.")] = "http://127.0.0.1:8000",
    latency: Annotated[int, typer.Option(min=0, help="Milliseconds added to every answer.")] = 0,
) -> None:
    """Imitate the outside services on this machine.

    Examples:

      signalbox sandbox

      signalbox sandbox --port 0 --seed 7 --latency 20
    """
    from sandbox.main import run

    run(port=port, seed=seed, journal=journal, target=target, latency_ms=latency)
