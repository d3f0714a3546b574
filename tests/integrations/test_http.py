"""The shared client against a server of raw sockets: outcomes by event and effect, bounds, secrets."""

from __future__ import annotations

import socket
import threading
import time
import tracemalloc

import pytest

from integrations.errors import (
    Conflict,
    Malformed,
    OutcomeUnknown,
    OutsideError,
    RateLimited,
    Rejected,
    Unauthorized,
    Unavailable,
)
from integrations.http import Client, Effect
from tests.integrations import peer as at
from tests.integrations.peer import Behaviour, peer

OK = b'{"ok":true}'
GZIP = "Content-Encoding: gzip"


def client(url: str, deadline: float = 30.0, **options: object) -> Client:
    return Client("vendor", url, timeout=(deadline, deadline), deadline=deadline, **options)  # type: ignore[arg-type]


def outcome(behaviour: Behaviour, effect: Effect, read: float = 30.0) -> OutsideError:
    with peer(behaviour) as server, pytest.raises(OutsideError) as caught:
        Client("vendor", server.url, timeout=(30.0, read)).call("POST", "/x", effect=effect, json={})
    return caught.value


def test_a_good_answer_comes_back_parsed() -> None:
    with peer(at.answer(200, OK, "Content-Type: application/json; charset=UTF-8")) as server:
        reply = client(server.url).call("GET", "/x", effect=Effect.READ, params={"q": "1"})
    assert (reply.status, reply.json, reply.body) == (200, {"ok": True}, OK)
    assert server.requests[0].startswith(b"GET /x?q=1 HTTP/1.1")


def test_every_request_carries_our_name_an_id_and_no_wish_for_compression() -> None:
    with peer(at.answer(200, OK)) as server:
        reply = client(server.url, contact="https://ads.example").call("GET", "/", effect=Effect.READ)
    request = server.requests[0].decode()
    assert "Accept-Encoding: identity" in request
    assert f"X-Request-Id: {reply.request_id}" in request
    assert "User-Agent: signalbox/" in request
    assert "(+https://ads.example)" in request


def test_one_connection_serves_many_calls() -> None:
    with peer(at.answer(200, OK)) as server:
        caller = client(server.url)
        for _ in range(3):
            caller.call("GET", "/", effect=Effect.READ)
        caller.close()
    assert (server.connections, len(server.requests)) == (1, 3)


def test_a_refused_read_keeps_its_connection_too() -> None:
    with peer(at.answer(404, b"no"), at.answer(200, OK)) as server:
        caller = client(server.url)
        with pytest.raises(Rejected):
            caller.call("GET", "/", effect=Effect.READ)
        caller.call("GET", "/", effect=Effect.READ)
    assert server.connections == 1


STATUSES = [
    (500, Unavailable, OutcomeUnknown),
    (502, Unavailable, OutcomeUnknown),
    (504, Unavailable, OutcomeUnknown),
    (408, Unavailable, OutcomeUnknown),
    (503, Unavailable, Unavailable),
    (425, Unavailable, Unavailable),
    (429, RateLimited, RateLimited),
    (401, Unauthorized, Unauthorized),
    (403, Unauthorized, Unauthorized),
    (409, Conflict, Conflict),
    (302, Rejected, Rejected),
    (400, Rejected, Rejected),
    (404, Rejected, Rejected),
    (422, Rejected, Rejected),
]


@pytest.mark.parametrize(("status", "harmless", "once"), STATUSES)
def test_a_status_means_what_the_table_says(status: int, harmless: type, once: type) -> None:
    behaviour = at.answer(status, b"why")
    assert type(outcome(behaviour, Effect.READ)) is harmless
    assert type(outcome(behaviour, Effect.KEYED)) is harmless
    assert type(outcome(behaviour, Effect.ONCE)) is once


@pytest.mark.parametrize("behaviour", [at.drop, at.reset, at.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{")])
def test_a_lost_answer_is_unknown_only_where_repeating_acts_twice(behaviour: Behaviour) -> None:
    assert type(outcome(behaviour, Effect.READ)) is Unavailable
    assert type(outcome(behaviour, Effect.KEYED)) is Unavailable
    assert type(outcome(behaviour, Effect.ONCE)) is OutcomeUnknown


UNREADABLE = [
    at.answer(200, b""),
    at.answer(200, b"<html>log in</html>"),
    at.answer(200, b'{"a":NaN}'),
    at.answer(200, '{"ä":1}'.encode("utf-16")),
    at.answer(200, OK, "Content-Type: application/json; charset=iso-8859-1"),
    at.answer(200, b"[" * 65 + b"1" * 800 + b"]" * 65),
    at.answer(200, b"[" * 10_000 + b"]" * 10_000),
]


@pytest.mark.parametrize("behaviour", UNREADABLE)
def test_an_unreadable_answer_is_malformed_or_unknown(behaviour: Behaviour) -> None:
    assert type(outcome(behaviour, Effect.READ)) is Malformed
    assert type(outcome(behaviour, Effect.KEYED)) is Malformed
    assert type(outcome(behaviour, Effect.ONCE)) is OutcomeUnknown


@pytest.mark.parametrize("effect", list(Effect))
def test_without_a_connection_nothing_was_sent(effect: Effect) -> None:
    with pytest.raises(Unavailable) as caught:
        client(f"http://127.0.0.1:{at.free_port()}").call("POST", "/", effect=effect, json={})
    assert not caught.value.sent


def test_a_connection_that_is_never_accepted_times_out_with_nothing_sent() -> None:
    full = [socket.socket() for _ in range(3)]
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    for sock in full:
        sock.setblocking(False)
        sock.connect_ex(listener.getsockname())
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    caller = Client("vendor", address, timeout=(0.2, 2.0), deadline=2.0)
    with pytest.raises(Unavailable) as caught:
        caller.call("POST", "/", effect=Effect.ONCE, json={})
    for sock in (*full, listener):
        sock.close()
    assert (caught.value.sent, caught.value.timed_out) == (False, True)


def test_a_stale_connection_that_breaks_on_sending_counts_as_sent() -> None:
    def answer_then_reset(visit: at.Visit) -> None:
        visit.sock.sendall(at.http(200, OK))

    with peer(answer_then_reset, at.reset) as server:
        caller = client(server.url)
        caller.call("POST", "/", effect=Effect.ONCE, json={})
        with pytest.raises(OutcomeUnknown):
            caller.call("POST", "/", effect=Effect.ONCE, json={})
    assert len(server.requests) == 2


def test_a_connection_closed_while_idle_is_replaced_before_anything_is_sent() -> None:
    with peer(at.raw(at.http(200, OK)), at.answer(200, OK)) as server:
        caller = client(server.url)
        caller.call("POST", "/", effect=Effect.ONCE, json={})
        server.wait_until_closed()
        caller.call("POST", "/", effect=Effect.ONCE, json={})
    assert (server.connections, len(server.requests)) == (2, 2)


def test_only_a_get_that_could_not_connect_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts: list[str] = []
    real = Client._attempt

    def counted(self: Client, request: object, ends_at: float) -> object:
        attempts.append(request.method)  # type: ignore[attr-defined]
        return real(self, request, ends_at)  # type: ignore[arg-type]

    monkeypatch.setattr(Client, "_attempt", counted)
    caller = client(f"http://127.0.0.1:{at.free_port()}")
    for method in ("GET", "POST"):
        with pytest.raises(Unavailable):
            caller.call(method, "/", effect=Effect.READ)
    assert attempts == ["GET", "GET", "POST"]


def test_a_get_that_was_sent_is_not_tried_again() -> None:
    with peer(at.drop) as server, pytest.raises(Unavailable):
        client(server.url).call("GET", "/", effect=Effect.READ)
    assert len(server.requests) == 1


SLOW = [
    at.hang,
    at.trickle(at.http(200, OK), at_once=0),
    at.trickle(at.http(200, OK), at_once=20),
    at.trickle(at.http(200, b" " * 500), at_once=45),
    at.trickle(b"HTTP/1.1 100 Continue\r\n\r\n" * 50, at_once=25),
    at.trickle(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 99, at_once=47),
    at.trickle(b"HTTP/1.1 400 No\r\nContent-Length: 900\r\n\r\n" + b"x" * 900, at_once=45),
]


@pytest.mark.parametrize("behaviour", SLOW)
def test_the_total_deadline_holds_however_slowly_bytes_arrive(behaviour: Behaviour) -> None:
    began = time.monotonic()
    with peer(behaviour) as server, pytest.raises(OutsideError):
        client(server.url, deadline=0.4).call("POST", "/", effect=Effect.ONCE, json={})
    assert time.monotonic() - began < 15


def test_a_timeout_after_sending_says_so() -> None:
    late = outcome(at.hang, Effect.KEYED, read=0.2)
    assert isinstance(late, Unavailable)
    assert (late.sent, late.timed_out) == (True, True)
    unknown = outcome(at.hang, Effect.ONCE, read=0.2)
    assert isinstance(unknown, OutcomeUnknown)
    assert unknown.timed_out


def test_the_deadline_of_one_call_can_be_shorter_than_the_clients() -> None:
    began = time.monotonic()
    with peer(at.hang) as server, pytest.raises(Unavailable):
        client(server.url).call("GET", "/", effect=Effect.READ, deadline=0.2)
    assert time.monotonic() - began < 15


def test_a_peer_that_does_not_take_the_request_runs_into_the_deadline() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    caller = client(f"http://127.0.0.1:{listener.getsockname()[1]}", deadline=2.0)
    began = time.monotonic()
    with pytest.raises(OutcomeUnknown):
        caller.call("POST", "/", effect=Effect.ONCE, body=b"x" * 50_000_000)
    listener.close()
    assert time.monotonic() - began < 15


def test_a_redirect_is_refused_and_not_followed() -> None:
    body = b"x" * 50
    with peer(at.answer(302, body, "Location: /elsewhere")) as server, pytest.raises(Rejected) as caught:
        client(server.url).call("GET", "/", effect=Effect.READ)
    assert (caught.value.code, len(server.requests)) == ("http_302", 1)


FLOODS = [
    at.flood(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n", b"a" * 65536, 16384),
    at.flood(b"HTTP/1.1 200 OK\r\n\r\n", b"a" * 65536, 16384),
    at.flood(b"HTTP/1.1 302 Go\r\nLocation: /\r\n\r\n", b"a" * 65536, 16384),
    at.flood(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"f" * 65536, 16384),
    at.flood(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"a: b\r\n" * 9000, 16384),
    at.flood(b"HTTP/1.1 200 OK\r\n", b"a: " + b"b" * 65000 + b"\r\n", 16384),
    at.flood(b"HTTP/1.1 200 OK\r\n\r\n", b"[[],[],[],[],[],[]", 100_000),
]


@pytest.mark.parametrize("behaviour", FLOODS)
def test_a_flood_costs_little_memory_and_ends_in_an_outcome(behaviour: Behaviour) -> None:
    tracemalloc.start()
    with peer(behaviour) as server, pytest.raises(OutsideError):
        client(server.url).call("GET", "/", effect=Effect.READ)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 * 1024 * 1024


def test_a_gzip_bomb_is_cut_at_the_cap() -> None:
    import gzip

    bomb = gzip.compress(b" " * (1 << 20), 9) * 64
    assert "longer than" in str(outcome(at.answer(200, bomb, GZIP), Effect.READ))


def test_an_answer_of_exactly_the_cap_is_read() -> None:
    with peer(at.answer(200, b'"' + b"a" * 98 + b'"')) as server:
        assert client(server.url, max_body=100).call("GET", "/", effect=Effect.READ).json == "a" * 98


def test_one_byte_above_the_cap_is_refused() -> None:
    with peer(at.answer(200, b'"' + b"a" * 99 + b'"')) as server, pytest.raises(Malformed):
        client(server.url, max_body=100).call("GET", "/", effect=Effect.READ)


def test_plain_http_goes_only_to_this_machine_or_the_sandbox() -> None:
    for url in ("http://adload.example", "http://10.0.0.1", "ftp://127.0.0.1", "//x", "http://sandbox.test.example"):
        with pytest.raises(ValueError, match="vendor"):
            client(url)
    for url in (
        "http://127.0.0.1:1",
        "http://[::1]:1",
        "http://localhost",
        "http://a.sandbox.test",
        "https://x.example",
    ):
        client(url)


def test_a_rate_limit_is_obeyed_by_the_whole_process() -> None:
    clock = at.SetClock()
    with peer(at.answer(429, b"", "Retry-After: 7"), at.answer(200, OK)) as server:
        caller = client(server.url, clock=clock)
        with pytest.raises(RateLimited) as first:
            caller.call("GET", "/", effect=Effect.READ)
        clock.advance(6.9)
        with pytest.raises(RateLimited):
            caller.call("GET", "/", effect=Effect.READ)
        clock.advance(0.2)
        caller.call("GET", "/", effect=Effect.READ)
    assert (first.value.retry_after, len(server.requests)) == (7.0, 2)


def test_while_the_breaker_is_open_calls_are_no_more_than_trials() -> None:
    clock = at.SetClock()
    with peer(at.answer(500)) as server:
        caller = client(server.url, clock=clock)
        for _ in range(50):
            with pytest.raises(Unavailable):
                caller.call("GET", "/", effect=Effect.READ)
        clock.advance(31)
        for _ in range(50):
            with pytest.raises(Unavailable):
                caller.call("GET", "/", effect=Effect.READ)
    assert len(server.requests) == 6


SECRET = "canary-0f3a9b71"


def test_secrets_do_not_reach_exceptions_or_logs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    texts: list[str] = []
    headers = {"Authorization": f"Bearer {SECRET}", "X-Odd": f"{SECRET}-odd"}
    echo = f"you sent {SECRET}".encode()
    bad_header = b"HTTP/1.1 400 X\r\nbad header\r\nContent-Length: 2\r\n\r\n{}"
    for behaviour in (at.drop, at.reset, at.answer(400, echo), at.answer(200, echo), at.raw(bad_header), at.raw(b"x")):
        with peer(behaviour) as server, pytest.raises(OutsideError) as caught:
            client(server.url, headers=headers, secrets=(SECRET,)).call(
                "GET", f"/bot{SECRET}/send", effect=Effect.READ, params={"key": SECRET}
            )
        error: BaseException | None = caught.value
        while error is not None:
            texts += [repr(error), str(error), repr(vars(error))]
            error = error.__cause__ or error.__context__
    with pytest.raises(OutsideError) as caught:
        client(f"http://user:{SECRET}@127.0.0.1:{at.free_port()}").call("GET", "/", effect=Effect.READ)
    assert SECRET not in repr(caught.value) + "".join(texts) + caplog.text


def test_a_header_that_cannot_be_sent_is_named_without_its_value() -> None:
    with pytest.raises(ValueError, match="cannot be built") as caught:
        client("http://127.0.0.1:1", headers={"Authorization": f"{SECRET}\n"}).call("GET", "/", effect=Effect.READ)
    assert SECRET not in str(caught.value)
    assert caught.value.__context__ is None


def test_the_client_does_not_show_its_secrets() -> None:
    assert SECRET not in repr(client("http://127.0.0.1:1", headers={"A": SECRET}, secrets=(SECRET,)))


def test_every_thread_has_a_connection_of_its_own() -> None:
    with peer(at.answer(200, OK)) as server:
        caller = client(server.url)

        def twice() -> None:
            caller.call("GET", "/", effect=Effect.READ)
            caller.call("GET", "/", effect=Effect.READ)
            caller.close()

        threads = [threading.Thread(target=twice) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (server.connections, len(server.requests)) == (3, 6)


def test_a_form_and_a_raw_body_are_sent_as_given() -> None:
    with peer(at.answer(204)) as server:
        caller = client(server.url)
        assert caller.call("POST", "/", effect=Effect.KEYED, form={"a": "b c"}).json is None
        caller.call("POST", "/", effect=Effect.KEYED, body=b"<x/>", headers={"Content-Type": "text/xml"})
    assert server.requests[0].endswith(b"\r\n\r\na=b+c")
    assert server.requests[1].endswith(b"\r\n\r\n<x/>")


def test_cookies_are_not_kept() -> None:
    with peer(at.answer(200, OK, "Set-Cookie: a=b; Path=/")) as server:
        caller = client(server.url)
        caller.call("GET", "/", effect=Effect.READ)
        caller.call("GET", "/", effect=Effect.READ)
    assert b"Cookie" not in server.requests[1]


def test_a_probe_says_what_it_saw() -> None:
    with peer(at.answer(200, b"")) as server:
        assert client(server.url).probe() == "vendor: http_200"
