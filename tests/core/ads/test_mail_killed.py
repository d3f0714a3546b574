"""A process that is killed while the mail server holds its mail: the next one sends it under the same Message-ID."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine

from config.clock import now
from config.settings import environment
from core.ads import mail, sealing
from core.ads.mail import Posted
from tests.conftest import SettingsEnv
from tests.core.ads.letterbox import payout, prepare, state_of
from tests.mailbox import Mailbox, mailbox

ROOT = Path(__file__).parents[3]
PROGRAM = """
import sys
from config.settings import get_settings
from core.ads import mail
from models.database import connect
connect(get_settings())
mail.post("payout_confirm", *sys.argv[1:])
"""


@pytest.fixture
def box(database: Any, settings_env: SettingsEnv) -> Iterator[Mailbox]:
    with mailbox() as running:
        prepare(settings_env, running.url)
        running.gate = threading.Event()
        yield running
        running.gate.set()


def test_a_killed_sender_is_followed_by_another_with_the_same_message_id(box: Mailbox) -> None:
    public_id = payout()
    arguments = [str(public_id), sealing.seal("token")]
    sender = subprocess.Popen([sys.executable, "-c", PROGRAM, *arguments], cwd=ROOT, env=environment())
    assert box.arrived.wait(60)
    sender.kill()
    sender.wait(60)
    assert box.gate is not None
    box.gate.set()

    assert state_of("payout_confirm", public_id) == ("pending", 1, None)
    assert mail.post("payout_confirm", *arguments) is Posted.TAKEN
    with time_machine.travel(now() + timedelta(seconds=mail.CLAIM_SECONDS + 1), tick=False):
        assert mail.post("payout_confirm", *arguments) is Posted.SENT
        assert mail.post("payout_confirm", *arguments) is Posted.ALREADY
    assert state_of("payout_confirm", public_id) == ("sent", 2, None)
    assert len({found["Message-ID"] for found in box.mails}) == 1
    assert len(box.raw) <= 2
