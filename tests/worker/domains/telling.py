"""Switches that are told in a chat of the sandbox, and what operators then see there."""

from __future__ import annotations

from typing import Any

from core.domains import pipelines
from models.database import db
from models.domain_states import Verdict
from models.domains import DomainSwitch
from models.switches import Switched
from tests.core.chatroom import Room
from tests.core.domains import yard
from tests.core.domains.yard import ANNA, answer, pipeline, read
from worker.domains.steps import follow

NEWS = ("announce_pipeline_switch", "announce_alert")


def switch(name: str = "P", **more: Any) -> Switched:
    with db.atomic():
        made = pipelines.switch(name, ANNA, "looks burnt", **more)
        follow(made)
    return made


def listed(room: Room) -> Switched:
    """A switch because of a listing, confirmed 41 s after it was found."""
    pipeline("DE-sweeps", "c4.example", "c5.example", "c6.example", with_update_voluum=True, with_update_affise=True)
    room.pass_time(minutes=5)
    facts: dict[str, Any] = {
        "subject": "https://c4.example/",
        "provider": "safebrowsing-v5",
        "detail": {"threats": ["SOCIAL_ENGINEERING"]},
    }
    first = answer("c4.example", Verdict.UNSAFE, **facts)
    room.pass_time(seconds=41)
    answer("c4.example", Verdict.UNSAFE, **facts)
    assert read("DE-sweeps").block_active_domain("GSB_UNSAFE", evidence=first)
    newest = yard.switches("DE-sweeps")[-1]
    made = Switched(newest.id, newest.pipeline_id, newest.seq, "c4.example", "c5.example", unverified=True)
    follow(made)
    return made


def row(switch_id: int) -> DomainSwitch:
    return DomainSwitch.get(DomainSwitch.id == switch_id)


def buttons(room: Room) -> list[str]:
    """Those under the newest message."""
    return [one["text"] for line in room.messages()[-1]["buttons"] for one in line]


def sends(room: Room) -> int:
    return sum(call["path"].endswith("sendMessage") for call in room.calls())
