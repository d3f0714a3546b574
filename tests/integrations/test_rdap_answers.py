"""What registries send, read strictly where it matters and leniently where it does not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from integrations.errors import Malformed
from integrations.rdap import RegistrationState, parse, parse_bootstrap
from tests.search import search


def test_the_longest_zone_wins_and_https_comes_first() -> None:
    document = {
        "services": [
            [["com"], ["http://slow.example/", "https://com.example/rdap/"]],
            [["co.uk", "UK"], ["https://uk.example"]],
            [["odd"], ["http://plain.example/"]],
            [["short"]],
            "nonsense",
        ]
    }
    assert parse_bootstrap(document) == {
        "com": "https://com.example/rdap",
        "co.uk": "https://uk.example",
        "uk": "https://uk.example",
    }


@pytest.mark.parametrize("document", [None, [], {}, {"services": None}, "services"])
def test_what_is_no_bootstrap_file_is_malformed(document: Any) -> None:
    with pytest.raises(Malformed):
        parse_bootstrap(document)


DOMAIN = {"objectClassName": "domain", "ldhName": "EXAMPLE.test."}


@pytest.mark.parametrize("status", ["client hold", "Server Hold", "redemption period", "pending delete", "clientHold"])
def test_every_hold_is_recognised(status: str) -> None:
    assert parse({**DOMAIN, "status": ["active", status]}, "example.test").on_hold


@pytest.mark.parametrize("status", ["client transfer prohibited", "active", "hold", "auto renew period", 7, None])
def test_other_statuses_are_no_hold(status: object) -> None:
    assert not parse({**DOMAIN, "status": [status]}, "example.test").on_hold


@pytest.mark.parametrize(
    ("events", "expires_at"),
    [
        ([("expiration", "2027-01-05T10:00:00Z")], datetime(2027, 1, 5, 10, tzinfo=UTC)),
        ([("expiration", "2027-01-05T12:00:00.123456789+02:00")], datetime(2027, 1, 5, 10, 0, 0, 123456, tzinfo=UTC)),
        ([("expiration", "2027-01-05T10:00:00")], datetime(2027, 1, 5, 10, tzinfo=UTC)),
        (
            [("expiration", "2028-01-05T10:00:00Z"), ("expiration", "2027-01-05T10:00:00Z")],
            datetime(2027, 1, 5, 10, tzinfo=UTC),
        ),
        ([("registrar expiration", "2027-01-05T10:00:00Z")], None),
        ([("expiration", "soon")], None),
        ([("expiration", 17)], None),
        ([("expiration", "9999-12-31T23:59:59-23:00")], None),
        ([], None),
    ],
)
def test_the_end_is_the_earliest_expiration_or_unknown(
    events: list[tuple[str, object]], expires_at: datetime | None
) -> None:
    document = {**DOMAIN, "events": [{"eventAction": action, "eventDate": date} for action, date in events]}
    assert parse(document, "example.test").expires_at == expires_at


@pytest.mark.parametrize(
    "document",
    [None, [], {}, {"objectClassName": "entity"}, {**DOMAIN, "ldhName": "other.test"}, {**DOMAIN, "ldhName": 1}],
)
def test_an_answer_about_something_else_is_malformed(document: Any) -> None:
    with pytest.raises(Malformed):
        parse(document, "example.test")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.sampled_from(["domain", "expiration"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["eventAction", "eventDate", "ldhName", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(status=JSON, events=JSON, nameservers=JSON, services=JSON)
@example(status=[[]], events=[{"eventAction": "expiration", "eventDate": "0001-01-01T00:00:00+14:00"}],
         nameservers=[None], services=[[[None], ["https://["]]])  # fmt: skip
@search(2000)
def test_no_answer_of_a_registry_breaks_us(status: Any, events: Any, nameservers: Any, services: Any) -> None:
    document = {**DOMAIN, "status": status, "events": events, "nameservers": nameservers}
    found = parse(document, "example.test")
    assert found.state is RegistrationState.REGISTERED
    assert all(isinstance(text, str) for text in (*found.statuses, *found.nameservers))
    assert found.expires_at is None or found.expires_at.tzinfo is UTC
    try:
        assert all(url.startswith("http") for url in parse_bootstrap({"services": services}).values())
    except Malformed:
        assert not isinstance(services, list)
