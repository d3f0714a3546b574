"""Real sockets: what arrives over HTTP, however badly it was meant."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import IO

import orjson
import pytest
from granian.constants import Interfaces

from bench.servers.kept import free_ports
from config.errors import PortTaken
from config.settings import environment
from tests.conftest import SettingsEnv
from tests.web import visits as ours
from tests.web.visits import CHROME, Visits, link
from web.serve import make_embedded_server, serve

FALLBACK = "https://www.example.com/"
GRANIAN = """
import sys
from pathlib import Path
from tests.web.granian_app import serve
serve(int(sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.fixture
def embedded(settings_env: SettingsEnv) -> Iterator[tuple[int, Visits]]:
    with ours.redirect(settings_env(TRUSTED_PROXIES="127.0.0.1")) as visits:
        server = make_embedded_server(visits.app, 0)
        server.start()
        yield server.port, visits
        server.stop()


@pytest.fixture(params=["waitress", "granian"])
def port(request: pytest.FixtureRequest, settings_env: SettingsEnv, tmp_path: Path) -> Iterator[int]:
    """The redirect behind each of the two servers."""
    settings_env(TRUSTED_PROXIES="127.0.0.1")
    if request.param == "granian":
        with _granian(tmp_path) as port:
            yield port
        return
    yield request.getfixturevalue("embedded")[0]


def test_a_visitor_is_sent_on_over_http(port: int) -> None:
    status, headers, body = _get(port, link("https://shop.example/a"))
    assert (status, body) == (302, b"")
    assert headers["location"] == "https://shop.example/a?signalbox_partner=news.example"
    assert headers["cache-control"] == "no-store"
    assert headers["content-length"] == "0"
    assert "sbv=" in headers["set-cookie"]


def test_head_and_other_methods_over_http(port: int) -> None:
    assert _get(port, link(), method="HEAD")[0] == 302
    assert _get(port, link(), method="POST")[0] == 405
    assert [_get(port, page)[0] for page in ("/healthz", "/readyz", "/nothing")] == [200, 200, 404]


@pytest.mark.parametrize(
    "target",
    [
        "/r/",
        "/r/" + "A" * 58,
        "/r/%0d%0aSet-Cookie:%20a=b",
        "/r/%00",
        "/r/%ff%fe",
        "/r//evil.example/",
        "/r/x?u=https://evil.example/&u=//evil.example",
        "/r/x?u=%0d%0aLocation:%20https://evil.example/",
        "/r/x?" + "&" * 5000,
        "/r/x?u=%ff&h=%zz",
        "/r/" + "x" * 20_000,
    ],
)
def test_no_hostile_request_leads_anywhere_but_to_the_fallback(port: int, target: str) -> None:
    answer = _raw(port, f"GET {target} HTTP/1.1\r\nHost: r.example\r\nConnection: close\r\n\r\n".encode())
    head = answer.partition(b"\r\n\r\n")[0].decode().lower()
    assert " 302 " in head
    assert f"location: {FALLBACK}\r\n" in head + "\r\n"
    assert "evil" not in head
    assert "a=b" not in head


def test_a_header_of_a_megabyte_is_refused_and_the_server_goes_on(port: int) -> None:
    answer = _raw(port, b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Big: " + b"a" * 2**20 + b"\r\n\r\n")
    assert b" 200 " not in answer.partition(b"\r\n")[0]
    assert _get(port, "/healthz")[0] == 200


def test_garbage_instead_of_http_does_not_hurt(port: int) -> None:
    for garbage in (b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"\0" * 1000, b"GET / HTTP/9.9\r\n\r\n"):
        _raw(port, garbage + b"\r\n\r\n")
    assert _get(port, "/healthz")[0] == 200


def test_the_forwarded_address_is_one_list_and_its_look_alikes_do_not_count(
    embedded: tuple[int, Visits],
) -> None:
    port, visits = embedded
    _raw(port, _spoofed(link()))
    assert [click["ip"] for click in visits.clicks] == ["198.51.100.9"]


def test_granian_too_reads_the_forwarded_address_as_one_list(settings_env: SettingsEnv, tmp_path: Path) -> None:
    settings_env(TRUSTED_PROXIES="127.0.0.1")
    with _granian(tmp_path) as port:
        _raw(port, _spoofed(link()))
        assert b'"ip":"198.51.100.9"' in (tmp_path / "published").read_bytes()


def test_with_the_broker_gone_visitors_are_sent_on_through_the_event_loop_too(
    settings_env: SettingsEnv, tmp_path: Path
) -> None:
    (tmp_path / "refuse").touch()
    with _granian(tmp_path) as port:
        for _ in range(5):
            assert _get(port, link("https://shop.example/"))[0] == 302
    lines = [line for path in (tmp_path / "spool").glob("*.jsonl") for line in path.read_bytes().splitlines()]
    # on a loaded machine a click may be written by its request and by the fallback; its id is the same
    assert len({orjson.loads(line)["click_id"] for line in lines}) == 5


def test_workers_of_a_main_process_that_is_killed_end_with_it(settings_env: SettingsEnv, tmp_path: Path) -> None:
    settings_env()
    port = free_ports(1)[0]
    with _main_process(port, tmp_path) as process:
        _wait_for(port, process)
        process.kill()
        process.wait()
        _wait_until_silent(port)


def test_a_second_server_does_not_share_a_port(
    settings_env: SettingsEnv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings_env()
    monkeypatch.setattr("web.serve.STOP_SECONDS", 0)
    with _granian(tmp_path) as port, pytest.raises(PortTaken, match=f"port {port} is in use"):
        serve(lambda: pytest.fail("it served"), "redirect:app", "127.0.0.1", port, Interfaces.RSGI)


def test_a_server_waits_for_its_predecessor_to_end(settings_env: SettingsEnv, tmp_path: Path) -> None:
    settings_env()
    with socket.create_server(("127.0.0.1", 0)) as predecessor:
        port = predecessor.getsockname()[1]
        with _main_process(port, tmp_path) as process:
            time.sleep(1)
            predecessor.close()
            _wait_for(port, process)


def test_an_embedded_server_names_the_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=f"port {port} is in use"):
            make_embedded_server(lambda *_: [], port)


def test_granian_logs_like_everybody_else(settings_env: SettingsEnv, tmp_path: Path) -> None:
    settings_env(LOG_FORMAT="json")
    log = tmp_path / "log"
    with log.open("wb") as file, _granian(tmp_path, file):
        pass
    events = [orjson.loads(line)["event"] for line in log.read_bytes().splitlines()]
    assert "Started worker-1" in events


def _spoofed(target: str) -> bytes:
    """The last trustworthy item is in the second of two headers; the third only looks like one."""
    return (
        f"GET {target} HTTP/1.1\r\nHost: r.example\r\nUser-Agent: {CHROME}\r\nConnection: close\r\n"
        "X-Forwarded-For: 192.0.2.66\r\nX-Forwarded-For: 198.51.100.9\r\nX_Forwarded_For: 192.0.2.77\r\n\r\n"
    ).encode()


@contextmanager
def _granian(folder: Path, log: IO[bytes] | None = None) -> Iterator[int]:
    port = free_ports(1)[0]
    with _main_process(port, folder, log) as process:
        try:
            _wait_for(port, process)
            yield port
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0


@contextmanager
def _main_process(port: int, folder: Path, log: IO[bytes] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", GRANIAN, str(port), str(folder)]
    process = subprocess.Popen(command, env=environment() | {"PYTHONPATH": "."}, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


def _wait_until_silent(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            _get(port, "/healthz")
        except OSError:
            return
        time.sleep(0.1)
    raise AssertionError("somebody still answers")


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        try:
            _get(port, "/healthz")
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the server does not answer")


def _get(port: int, target: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request(method, target, headers={"User-Agent": CHROME, "Host": "r.example"})
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()


def _raw(port: int, request: bytes) -> bytes:
    """Everything the server says to these bytes before it hangs up or falls silent."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        try:
            connection.sendall(request)
            while part := connection.recv(65536):
                answer += part
        except (TimeoutError, ConnectionError):
            return answer
    return answer
