"""The task that sends our mail: through a worker, with its retries, and what is left when it gives up."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from config.catalog import TASKS
from config.clock import now
from config.settings import get_settings
from core.ads import mail, sealing
from integrations.errors import Rejected
from models import mail as rows
from models.dead_letters import Letter, bury
from models.envelope import decode, encode_message
from models.runtime import DeadLetter, DeadReason
from tests.conftest import SettingsEnv
from tests.core.ads.letterbox import payout, prepare, state_of
from tests.mailbox import Mailbox
from worker.ads.mail import send_mail
from worker.failures import Busy
from worker.shared import give_up

CONFIRM = "payout_confirm"


@pytest.fixture
def box(box: Mailbox, database: Any, settings_env: SettingsEnv) -> Mailbox:
    prepare(settings_env, box.url)
    return box


def arguments(public_id: UUID) -> dict[str, Any]:
    return {"template": CONFIRM, "request_id": str(public_id), "sealed_token": sealing.seal("secret-token")}


def test_the_task_sends_one_mail_however_often_it_is_delivered(box: Mailbox) -> None:
    public_id = payout()
    assert [send_mail(**arguments(public_id)) for _ in range(3)] == [1, 0, 0]
    assert len(box.raw) == 1


def test_a_delivery_beside_another_one_comes_back_later(box: Mailbox) -> None:
    public_id = payout()
    about = rows.subject(public_id)
    assert about is not None
    rows.claim(CONFIRM, about, now(), now() + timedelta(minutes=1))
    with pytest.raises(Busy):
        send_mail(**arguments(public_id))
    assert box.raw == []


def test_neither_token_nor_address_nor_card_reaches_a_log(box: Mailbox) -> None:
    with capture_logs() as logs:
        send_mail(**arguments(payout()))
        box.rcpt = "550 <{address}> no"
        with pytest.raises(Rejected):
            send_mail(**arguments(payout()))
    told = repr(logs)
    assert "mail_posted" in told
    assert not any(secret in told for secret in ("secret-token", "zoe@", "4111", "1234 "))


def test_a_mail_that_is_given_up_is_failed_and_reported(box: Mailbox, settings_env: SettingsEnv) -> None:
    prepare(settings_env)
    public_id = payout()
    with pytest.raises(mail.NoMailServer):
        send_mail(**arguments(public_id))
    body = encode_message("send_mail", arguments(public_id))
    letter = Letter(decode(body)["message_id"], 10, "send_mail", "notify-internal", body, DeadReason.EXHAUSTED, None)
    bury(letter)
    with capture_logs() as logs:
        give_up(DeadLetter.get().id)
        give_up(DeadLetter.get().id)
    assert state_of(CONFIRM, public_id) == ("failed", 1, "given up: exhausted")
    assert {entry["event"] for entry in logs} == {"mail_given_up"}


def test_mail_is_retried_for_two_hours_and_more() -> None:
    row = TASKS["send_mail"]
    waits = [min(row.retry.first * 2**number, row.retry.last) for number in range(row.retry.times)]
    assert sum(waits) > 6000
    assert row.seconds < mail.CLAIM_SECONDS


def test_the_sender_is_what_the_settings_say(box: Mailbox) -> None:
    send_mail(**arguments(payout()))
    assert box.mails[0]["From"] == get_settings().mail_from
