"""The redirect behind Granian in a process of its own, with a broker that writes to a file."""

from __future__ import annotations

from concurrent.futures import Future
from multiprocessing.util import Finalize
from pathlib import Path

from granian.constants import Interfaces

from config.logs import configure
from config.settings import get_settings
from tests.web.fakes import BrokerRefused, Database
from tests.web.visits import know
from web.intake import Intake
from web.redirect import Redirect
from web.serve import serve as serve_app


class FilePublisher:
    """Appends messages to the file `published`; refuses while there is a file `refuse`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def publish(self, queue: str, body: bytes, deadline: float) -> Future[None]:
        future: Future[None] = Future()
        if (self._folder / "refuse").exists():
            future.set_exception(BrokerRefused("no broker"))
            return future
        with (self._folder / "published").open("ab") as file:
            file.write(body + b"\n")
        future.set_result(None)
        return future


def serve(port: int, folder: Path) -> None:
    """Serve until SIGTERM."""

    def load() -> Redirect:
        settings = get_settings()
        intake = Intake(settings, FilePublisher(folder), Database(down=True).process)
        know(intake.table)
        intake.fallback.start()
        app = Redirect(settings, intake)
        Finalize(None, app.close, exitpriority=10)
        return app

    configure(get_settings())
    serve_app(load, "redirect:app", "127.0.0.1", port, Interfaces.RSGI)
