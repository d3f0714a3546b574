"""The same thing asked for twice at the same moment: one effect, and the loser reads that it is done already."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from config.clock import now
from core import buttons
from core.bot.people import Role
from core.buttons import Action
from core.domains import undo
from core.domains.persons import AlreadyChanged, By, Refused
from models.conflicts import transaction
from models.database import db, execute, fetch
from models.domain_states import Source
from models.fields import bind
from tests.core.chatroom import CHAT
from tests.core.domains import yard
from tests.search import WHOLE, examples
from tests.together import outcomes
from tests.worker.bot_room import ANNA, link
from tests.worker.domains.duty import Duty
from tests.worker.domains.places import Open
from worker import bot
from worker.domains import affise_acts, persons
from worker.domains.blocking import block_active_tracking_domain as block
from worker.domains.steps import follow

KINDS = ("block", "switch", "approve", "undo", "press")
PARTS = 5 if WHOLE else 1
WHO = By("anna")
Act = Callable[[], Any]


@pytest.fixture
def duty(go_on_duty: Open) -> Iterator[Duty]:
    more = {"TELEGRAM_CHAT_ID": str(CHAT), "TELEGRAM_BOT_TOKEN": "123:canary-token", "BLAST_RADIUS_MIN": "100000"}
    with go_on_duty(**more) as made:
        link(ANNA, "anna", Role.OPERATOR)
        yield made


@pytest.mark.search
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("kind", KINDS)
def test_n8_what_is_submitted_twice_at_once_has_one_effect(duty: Duty, kind: str, part: int) -> None:
    for number in range(examples(1000, gate=10) // len(KINDS) // PARTS):
        name = f"P{number}"
        hosts = [f"{place}{number}.sandbox.test" for place in "abc"]
        yard.pipeline(name, *hosts, with_update_affise=True)
        act, done = _PREPARED[kind](duty, name, hosts, number)
        before = _rows(name)
        found = outcomes(act, act)
        assert _rows(name) - before == done, found
        assert all(isinstance(one, AlreadyChanged | Refused) or not isinstance(one, Exception) for one in found)
        assert len([one for one in found if not isinstance(one, Exception)]) >= 1


def _rows(name: str) -> int:
    """How many effects there were: switches, and audit rows of acts."""
    number = yard.read(name).id
    switches = fetch("select count(*) from domain_switch where pipeline_id = %s", (number,))[0][0]
    audited = fetch("select count(*) from audit_log where action in ('pipeline.switch', 'pipeline.block', "
                    "'pipeline.undo', 'affise.approve')")[0][0]  # fmt: skip
    return 1000 * int(switches) + int(audited)


Prepared = tuple[Act, int]
_SWITCHED, _AUDITED = 1001, 1
"""A switch with its audit row; an audit row alone."""


def _block(duty: Duty, name: str, hosts: list[str], number: int) -> Prepared:
    row = duty.suspected(hosts[0], Source.GSB)
    duty.wait(31)
    return lambda: block(hosts[0], "GSB_UNSAFE", row.id), _SWITCHED


def _switch(duty: Duty, name: str, hosts: list[str], number: int) -> Prepared:
    return lambda: persons.switch(name, WHO, "slow", seq=1), _SWITCHED


def _approve(duty: Duty, name: str, hosts: list[str], number: int) -> Prepared:
    made = persons.switch(name, WHO, "slow")
    execute(
        "update affise_switch_request set status = 'awaiting_approval', items_sha256 = 'abc', expires_at = %s "
        "where switch_id = %s", (bind(now().replace(year=2030)), made.id),
    )  # fmt: skip
    ((request,),) = fetch("select id from affise_switch_request where switch_id = %s", (made.id,))
    return lambda: affise_acts.approve(str(request), WHO, "abc"), _AUDITED


def _undo(duty: Duty, name: str, hosts: list[str], number: int) -> Prepared:
    made = persons.switch(name, WHO, "slow")

    def work() -> None:
        transaction(lambda: follow(undo.undo(made.id, WHO)))

    return work, _SWITCHED


def _press(duty: Duty, name: str, hosts: list[str], number: int) -> Prepared:
    made = persons.switch(name, WHO, "slow")
    with db.atomic():
        data = buttons.button("Undo switch", Action.UNDO_SWITCH, made.id)["data"]
    message = {"message_id": 1, "from": {"id": ANNA}, "chat": {"id": CHAT, "type": "supergroup"}}
    press = {"id": f"p{number}", "from": {"id": ANNA}, "message": message, "data": data}
    updates = iter([2 * number + 1, 2 * number + 2])
    return lambda: bot.handle({"update_id": next(updates), "callback_query": press}), _SWITCHED


_PREPARED: dict[str, Callable[[Duty, str, list[str], int], Prepared]] = {
    "block": _block, "switch": _switch, "approve": _approve, "undo": _undo, "press": _press,
}  # fmt: skip
