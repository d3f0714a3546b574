"""What operators read: twelve lines at most, everything escaped, nothing to tap on by mistake."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core import alert_text
from core.alerts import Severity
from integrations.telegram_text import LONGEST, length, plain
from models.incidents import Incident
from tests.core.chatroom import START

INCIDENT = Incident(
    482, "switched", "DE:18", Severity.CRITICAL, 1,
    {"object": "DE-sweeps: c4.example -> c5.example",
     "happened": "suspected SOCIAL_ENGINEERING on https://c4.example/ (confirmed 2x, 41 s apart)",
     "done": ["Voluum: 12/12 campaigns", "Affise: 3/5 offers"], "left": "1 spare (c6)", "evidence": "Safe Browsing"},
    None, None, None, None, 0, 1, 0, None, START, START, None, None, None, None, None,
)  # fmt: skip


def test_a_message_says_what_where_why_what_was_done_and_what_is_left() -> None:
    assert plain(alert_text.compose(INCIDENT, "Europe/Paris")).splitlines() == [
        "🔴 SWITCHED  DE-sweeps: c4[.]example -> c5[.]example",
        "suspected SOCIAL_ENGINEERING on https://c4[.]example/ (confirmed 2x, 41 s apart)",
        "Voluum: 12/12 campaigns; Affise: 3/5 offers",
        "1 spare (c6)",
        "Safe Browsing",
        "04:12:41 Europe/Paris  incident #482",
    ]


@pytest.mark.parametrize(
    "kind",
    ["switched", "unsafe", "unknown", "held", "exhausted", "drift", "step_failed", "recovered", "spare_lost", "expiry",
     "checker_blind", "digest", "queue_late", "dead_letter_spike", "schedule_missed", "provider_shift",
     "billing_mismatch", "clicks_not_accepted", "sms.failure_rate"],
)  # fmt: skip
@pytest.mark.parametrize("hostile", ["<b>&\n\n" * 500, "x" * 9000, "a.example " * 900, "\x00\ud83d", ["я" * 300] * 99])
def test_every_kind_stays_short_and_parsable_whatever_it_is_told(kind: str, hostile: Any) -> None:
    payload = dict.fromkeys(("object", *alert_text.FIELDS), hostile)
    row = replace(INCIDENT, kind=kind, payload=payload, count=7, acked_by="<i>", acked_at=START)
    for incident in (row, replace(row, resolved_at=START + timedelta(minutes=9))):
        text = alert_text.with_others(alert_text.compose(incident, "UTC"), incident, 3)
        assert len(text.splitlines()) <= 12
        assert length(text) <= LONGEST
        assert text.count("<b>") == text.count("</b>") == 1
        assert "a.example" not in text


def test_the_number_of_other_open_ones_ends_an_open_message_only() -> None:
    assert alert_text.with_others("text", INCIDENT, 2) == "text   also open: 2"
    assert alert_text.with_others("text", replace(INCIDENT, resolved_at=START), 2) == "text"


def test_a_storm_names_what_fits_and_counts_the_rest() -> None:
    storm = replace(INCIDENT, kind="storm", key="2026-11-21T03:12", payload={})
    members = [
        replace(INCIDENT, id=n, kind="unsafe", key=str(n), payload={"object": f"c{n}.example"}) for n in range(300)
    ]
    text = alert_text.compose_storm(storm, [("unsafe", 480, 470), ("drift", 20, 20)], members, "UTC")
    assert plain(text).splitlines()[:2] == ["🔴 STORM  500 incidents at once, 490 open", "UNSAFE: 480, 470 open"]
    assert len(text.splitlines()) <= 12
    assert length(text) <= LONGEST
    assert f" and {490 - text.count('[.]example')} more" in text


def test_the_digest_comes_on_quiet_days_too() -> None:
    assert plain(alert_text.digest({}, [], START, "UTC")) == "🟢 DIGEST  21 Nov: nothing is open"


def test_the_digest_counts_and_names_the_gravest() -> None:
    rows = [replace(INCIDENT, id=number, kind="unsafe") for number in range(9)]
    counts = {Severity.CRITICAL: (10, 2), Severity.INFO: (3, 0)}
    lines = plain(alert_text.digest(counts, rows, START, "UTC")).splitlines()
    assert lines[0] == "🔵 DIGEST  21 Nov: 13 open: 10 critical, 3 info; 2 acknowledged"
    assert (len(lines), lines[-1]) == (10, "and 5 more")


def test_a_repetition_and_an_end_name_the_incident() -> None:
    later = START + timedelta(minutes=15)
    assert "STILL OPEN" in alert_text.repetition(INCIDENT, later)
    assert "incident #482, for 15 min" in alert_text.repetition(INCIDENT, later)
    assert "incident #482, after 15 min" in alert_text.closing(replace(INCIDENT, resolved_at=later))
