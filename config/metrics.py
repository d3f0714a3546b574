"""The loopback port where Prometheus reads what this process counts."""

from __future__ import annotations

import errno

from prometheus_client import start_http_server

from config.errors import PortTaken


def expose(port: int | None) -> None:
    """Answer Prometheus on the loopback address; None = off. Raises PortTaken."""
    if port is None:
        return
    try:
        start_http_server(port, addr="127.0.0.1")
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(port, "METRICS_PORT") from error
        raise
