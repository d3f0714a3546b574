"""Mail about payouts over a real SMTP server: once each, again only under the same Message-ID, never when untrue."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine

from config.clock import now
from core.ads import mail, sealing
from core.ads.mail import NoMailServer, Posted
from integrations.errors import OutcomeUnknown, RateLimited, Rejected, Unauthorized, Unavailable
from models import mail as rows
from models.database import db, drop_connection, ensure_connection
from tests.conftest import SettingsEnv
from tests.core.ads.letterbox import account, become, die, payout, prepare, state_of
from tests.mailbox import Mailbox, mailbox

CONFIRM = "payout_confirm"
TOKEN = "token-that-only-the-mail-holds"


@pytest.fixture
def box(box: Mailbox, database: Any, settings_env: SettingsEnv) -> Mailbox:
    prepare(settings_env, box.url)
    return box


def post(public_id: UUID, template: str = CONFIRM) -> Posted:
    return mail.post(template, str(public_id), sealing.seal(TOKEN))


def test_a_confirmation_mail_carries_the_link_and_no_more_of_the_card_than_four_digits(box: Mailbox) -> None:
    public_id = payout()
    assert post(public_id) is Posted.SENT

    (found,) = box.mails
    text = found.get_content()
    assert found["To"] == "zoe@pub.example"
    assert found["Subject"] == "Please confirm your payout: 120.50 USD"
    assert f"https://box.example/payouts/confirm/{TOKEN}" in text
    assert "bank card **** 1234" in text
    assert "4111" not in text
    assert state_of(CONFIRM, public_id) == ("sent", 1, None)


def test_a_mail_that_was_sent_is_not_sent_again(box: Mailbox) -> None:
    public_id = payout()
    assert [post(public_id) for _ in range(3)] == [Posted.SENT, Posted.ALREADY, Posted.ALREADY]
    assert len(box.raw) == 1


def test_two_attempts_at_once_send_one_mail(box: Mailbox) -> None:
    public_id = payout()
    box.gate = threading.Event()
    with ThreadPoolExecutor(1) as others:
        first = others.submit(_in_thread, public_id)
        assert box.arrived.wait(60)
        assert [post(public_id) for _ in range(3)] == [Posted.TAKEN] * 3
        box.gate.set()
        assert first.result(60) is Posted.SENT
    assert (len(box.raw), post(public_id)) == (1, Posted.ALREADY)


def test_no_transaction_is_open_while_the_server_is_spoken_to(box: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    open_then: list[bool] = []
    monkeypatch.setattr("core.ads.mail.Smtp.send", lambda self, letter: open_then.append(db.in_transaction()))
    post(payout())
    assert open_then == [False]


def test_a_process_that_dies_after_the_server_took_it_repeats_under_the_same_message_id(
    box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    public_id = payout()
    with monkeypatch.context() as dying:
        dying.setattr(rows, "sent", die)
        with pytest.raises(SystemExit):
            post(public_id)
    assert post(public_id) is Posted.TAKEN

    with time_machine.travel(now() + timedelta(seconds=mail.CLAIM_SECONDS + 1), tick=False):
        assert post(public_id) is Posted.SENT
    assert len(box.raw) == 2
    assert len({found["Message-ID"] for found in box.mails}) == 1


def test_a_process_that_dies_before_the_server_is_reached_sends_one_mail_in_the_end(
    box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    public_id = payout()
    with monkeypatch.context() as dying:
        dying.setattr("core.ads.mail._written", die)
        with pytest.raises(SystemExit):
            post(public_id)
    with time_machine.travel(now() + timedelta(seconds=mail.CLAIM_SECONDS + 1), tick=False):
        assert post(public_id) is Posted.SENT
    assert len(box.raw) == 1


def test_a_late_end_of_an_older_attempt_does_not_undo_the_newer_one(box: Mailbox) -> None:
    public_id = payout()
    about = rows.subject(public_id)
    assert about is not None
    old = rows.claim(CONFIRM, about, now(), now())
    assert old is not None
    assert post(public_id) is Posted.SENT
    rows.failed(old, "late")
    rows.later(old, "late")
    assert state_of(CONFIRM, public_id) == ("sent", 2, None)


def test_an_unknown_outcome_is_repeated_once_and_then_left_to_a_person(box: Mailbox) -> None:
    public_id = payout()
    box.drop_after_dot = True
    with pytest.raises(Unavailable):
        post(public_id)
    assert state_of(CONFIRM, public_id) == ("unknown", 1, "smtp: no answer to the mail")
    with pytest.raises(OutcomeUnknown):
        post(public_id)
    assert not mail.give_up(CONFIRM, str(public_id), "given up")
    assert state_of(CONFIRM, public_id) == ("unknown", 2, "smtp: no answer to the mail")
    assert len({found["Message-ID"] for found in box.mails}) == 1


def test_an_unknown_outcome_that_is_cleared_by_the_repetition_is_sent(box: Mailbox) -> None:
    public_id = payout()
    box.drop_after_dot = True
    with pytest.raises(Unavailable):
        post(public_id)
    box.drop_after_dot = False
    assert post(public_id) is Posted.SENT
    assert state_of(CONFIRM, public_id) == ("sent", 2, None)


def test_a_greylisted_mail_waits_without_losing_an_attempt_until_two_days_have_passed(box: Mailbox) -> None:
    public_id = payout(state="paid")
    box.rcpt = "451 4.7.1 greylisted"
    with pytest.raises(RateLimited):
        post(public_id, "payout_paid")
    with time_machine.travel(now() + timedelta(hours=49), tick=False), pytest.raises(Unavailable) as caught:
        post(public_id, "payout_paid")
    assert type(caught.value) is Unavailable
    assert state_of("payout_paid", public_id) == ("pending", 2, "smtp_451: RCPT refused 4.7.1")


def test_a_refused_recipient_is_failed_and_named_nowhere(box: Mailbox) -> None:
    public_id = payout()
    box.rcpt = "550 5.1.1 <{address}> unknown"
    with pytest.raises(Rejected) as caught:
        post(public_id)
    assert state_of(CONFIRM, public_id) == ("failed", 1, "smtp_550: RCPT refused 5.1.1")
    assert "zoe" not in str(caught.value)


def test_a_failed_mail_is_sent_when_somebody_replays_it(box: Mailbox) -> None:
    public_id = payout()
    box.rcpt = "550 no"
    with pytest.raises(Rejected):
        post(public_id)
    box.rcpt = ""
    assert post(public_id) is Posted.SENT


@pytest.mark.parametrize(
    ("template", "state"),
    [(CONFIRM, "confirmed"), (CONFIRM, "cancelled"), ("payout_agreed", "paid"), ("payout_declined", "confirmed")],
)
def test_a_mail_that_is_no_longer_true_is_not_sent(box: Mailbox, template: str, state: str) -> None:
    assert post(payout(state=state), template) is Posted.NEEDLESS
    assert post(payout(confirm_expires_at=now())) is Posted.NEEDLESS
    assert box.raw == []


def test_a_late_repetition_of_a_sent_mail_is_told_from_a_needless_one(box: Mailbox) -> None:
    public_id = payout()
    post(public_id)
    become(public_id, state="confirmed")
    assert post(public_id) is Posted.ALREADY


def test_without_a_server_the_mail_waits_and_the_setting_is_named(box: Mailbox, settings_env: SettingsEnv) -> None:
    prepare(settings_env)
    public_id = payout()
    for _ in range(2):
        with pytest.raises(NoMailServer, match="SMTP_URL is not set"):
            post(public_id)
    assert state_of(CONFIRM, public_id) == ("pending", 2, "SMTP_URL is not set; the mail waits")

    prepare(settings_env, box.url)
    assert post(public_id) is Posted.SENT


def test_a_wrong_password_fails_one_mail_and_lets_the_others_wait(settings_env: SettingsEnv, database: Any) -> None:
    with mailbox(asks=True) as box:
        prepare(settings_env, box.url.replace("//", "//us:wrong@"))
        with pytest.raises(Unauthorized):
            post(payout())
        second = payout()
        with pytest.raises(RateLimited):
            post(second)
    assert (state_of(CONFIRM, second) or [""])[0] == "pending"


@pytest.mark.parametrize("email", [None, "", "nobody", "a\r\nBcc: x@evil.example"])
def test_an_account_without_a_usable_address_fails_clearly(box: Mailbox, email: str | None) -> None:
    public_id = payout(account(email=email))
    with pytest.raises(Rejected):
        post(public_id)
    assert (state_of(CONFIRM, public_id) or [""])[0] == "failed"


@pytest.mark.parametrize(
    ("template", "request_id", "what"),
    [("gift", "0197a3c4-7c00-7000-8000-000000000001", "unknown_template"), (CONFIRM, "7", "bad_request_id"),
     (CONFIRM, "0197a3c4-7c00-7000-8000-000000000001", "unknown_request")],
)  # fmt: skip
def test_a_message_about_nothing_is_refused(box: Mailbox, template: str, request_id: str, what: str) -> None:
    with pytest.raises(Rejected, match=what):
        mail.post(template, request_id)


@pytest.mark.parametrize("token", [None, "gAAAA-not-ours"])
def test_a_confirmation_without_a_readable_token_is_refused(box: Mailbox, token: str | None) -> None:
    with pytest.raises(Rejected):
        mail.post(CONFIRM, str(payout()), token)
    assert box.raw == []


def _in_thread(public_id: UUID) -> Posted:
    ensure_connection()
    try:
        return post(public_id)
    finally:
        drop_connection()
