"""What both clients share: patience with our own limiter, and writes of which nothing is certain."""

from __future__ import annotations

import pytest

from integrations.errors import Malformed, OutcomeUnknown, OutsideError, RateLimited, Rejected, Unavailable
from integrations.http import Client
from integrations.platforms import LIST_BYTES, LIST_PATIENCE, PATIENCE, for_lists, listed, patiently, sharing, uncertain


class Limited:
    """Refuses so often, with so many seconds to wait, then answers."""

    def __init__(self, *waits: float, sent: bool = False) -> None:
        self.waits, self.sent, self.slept = list(waits), sent, list[float]()

    def __call__(self) -> str:
        if self.waits:
            raise RateLimited(retry_after=self.waits.pop(0), sent=self.sent)
        return "answer"

    def run(self) -> str:
        return patiently(self, sleep=self.slept.append)


REFUSALS = [Limited(10.0), Limited(0.1, sent=True), Limited(*[1.0] * 9)]


def test_a_short_wait_for_our_own_limiter_is_waited_out() -> None:
    limited = Limited(0.2, 0.5)
    assert limited.run() == "answer"
    assert limited.slept == [pytest.approx(0.2, abs=0.01), pytest.approx(0.5, abs=0.01)]


@pytest.mark.parametrize(
    "limited", [Limited(10.0), Limited(0.1, sent=True), Limited(*[1.0] * 9)], ids=["long", "told", "often"]
)
def test_a_long_wait_or_one_that_the_service_asked_for_is_left_to_the_queue(limited: Limited) -> None:
    with pytest.raises(RateLimited):
        limited.run()
    assert sum(limited.slept) <= PATIENCE


def test_a_page_of_a_list_is_waited_for_longer() -> None:
    limited = Limited(*[1.0] * 9)
    assert patiently(limited, LIST_PATIENCE, limited.slept.append) == "answer"


@pytest.mark.parametrize(
    ("raised", "outcome"),
    [
        (Unavailable("x", sent=True), OutcomeUnknown),
        (Unavailable("x"), Unavailable),
        (RateLimited(), RateLimited),
        (Rejected(), Rejected),
        (OutcomeUnknown(), OutcomeUnknown),
    ],
)
def test_a_write_that_was_sent_and_not_refused_may_have_happened(raised: OutsideError, outcome: type) -> None:
    with pytest.raises(outcome) as caught, uncertain():
        raise raised
    assert type(caught.value) is outcome


def test_lists_have_more_room_and_share_limiter_and_breaker() -> None:
    client = Client("vendor", "https://vendor.example", rate=2.0)
    lists, writes = for_lists(client), sharing(client, rate=1.0)
    assert (lists.max_body, lists.compressed) == (LIST_BYTES, True)
    assert lists.limiter is client.limiter is not writes.limiter
    assert lists.breaker is client.breaker is writes.breaker


@pytest.mark.parametrize("document", [None, [], {}, {"rows": {}}, {"rows": [1]}])
def test_what_is_no_list_of_objects_is_malformed(document: object) -> None:
    with pytest.raises(Malformed):
        listed(document, "rows", "vendor")
