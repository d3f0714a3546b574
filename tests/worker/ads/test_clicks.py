"""The actors of clicks: what they send, what they leave on disk, what becomes of messages that were given up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dramatiq.brokers.stub import StubBroker

from core.ads import clicks as messages
from core.ads.admission import admit
from core.ads.spool import Spool
from integrations.adload.port import ChargeStatus, OutcomeCode
from models import incidents, partitions
from models.ads import ClickError
from models.database import fetch
from models.envelope import decode
from models.runtime import DeadReason
from tests.conftest import SettingsEnv
from tests.core.ads.stage import SECOND, Answering, Stage, build, outcomes
from tests.worker.postroom import bound
from worker.ads import campaigns, clicks
from worker.shared import DeadMessage

NO_FUNDS = Answering(default=(ChargeStatus.REFUSED, OutcomeCode.NO_FUNDS, 0))


@pytest.fixture
def stage(sqlite_database: Any, settings_env: SettingsEnv) -> Iterator[Stage]:
    """A stage, and the embedded queue to send to."""
    with bound(settings_env()):
        yield build()


def sent(task: str) -> list[dict[str, Any]]:
    """The arguments of the messages of a task that wait, in the queue or beside it."""
    bodies = fetch("select body from outbox union all select body from queue_message")
    found = [decode(bytes(body)) for (body,) in bodies]
    return [message["kwargs"] for message in found if message["actor_name"] == task]


def spooled(directory: Path, lines: list[bytes]) -> None:
    """A file of a process that is gone."""
    spool = Spool(directory)
    spool.prepare()
    spool.append(lines)
    spool.close()


def test_the_spool_of_a_dead_process_is_handed_over_and_removed(stage: Stage, tmp_path: Path) -> None:
    made = [stage.click(number, at=number * SECOND) for number in range(3)]
    spooled(tmp_path / "spool", [messages.encode(click) for click in made])
    assert clicks.replay_spool() == 3
    assert [click["click_id"] for message in sent("process_clicks") for click in message["clicks"]] == [
        str(click.click_id) for click in made
    ]
    assert list((tmp_path / "spool").iterdir()) == []


def test_check_7_a_spooled_click_is_counted_once_however_often_its_file_is_read(stage: Stage, tmp_path: Path) -> None:
    click = stage.click()
    for _ in range(2):
        spooled(tmp_path / "spool", [messages.encode(click)])
        clicks.replay_spool()
    for message in sent("process_clicks"):
        clicks.process_clicks(**message)
    assert outcomes([click]) == ["done"]


def test_where_there_is_no_spool_there_is_nothing_to_do(stage: Stage, settings_env: SettingsEnv) -> None:
    assert clicks.replay_spool() == 0
    settings_env(SPOOL_DIR="off")
    assert clicks.replay_spool() == 0


def test_replaying_faults_sends_their_payloads_and_marks_them(stage: Stage) -> None:
    made = [stage.click(number, at=number * SECOND, ip=f"198.51.100.{number}") for number in range(3)]
    admit(made, NO_FUNDS)
    assert clicks.replay_click_errors(code="adload_no_funds") == 3
    [message] = sent("process_clicks")
    assert [click["token"] for click in message["clicks"]] == [click.token for click in made]
    clicks.process_clicks(**message)
    assert outcomes(made) == ["done+error:adload_no_funds:replayed"] * 3


def test_a_replay_that_cannot_be_sent_leaves_its_faults_open(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: Any) -> None:
        raise OSError("no queue")

    admit([stage.click()], NO_FUNDS)
    monkeypatch.setattr(clicks.process_clicks, "send_with_options", refuse)
    with pytest.raises(OSError, match="no queue"):
        clicks.replay_click_errors()
    assert ClickError.get().state == "open"


def test_check_8_a_failing_campaign_is_sent_for_a_refresh_once(stage: Stage) -> None:
    admit([stage.click(ip=f"198.51.100.{number}", at=number * SECOND) for number in range(3)], NO_FUNDS)
    assert campaigns.check_outdated_campaigns() == 1
    campaigns.check_outdated_campaigns()
    assert sent("refresh_campaign") == [{"campaign_id": stage.campaign.id}]


def test_a_refresh_by_the_local_driver_leaves_a_running_campaign_running(stage: Stage) -> None:
    campaigns.refresh_campaign(campaign_id=stage.campaign.id)
    assert fetch("select status from campaign") == [("working",)]


def dead(task: str, **kwargs: Any) -> DeadMessage:
    return DeadMessage(1, task, "m", DeadReason.POISON, kwargs, ())


def test_the_clicks_of_a_message_that_was_given_up_become_faults_that_can_be_replayed(stage: Stage) -> None:
    made = [stage.click(number, at=number * SECOND) for number in range(2)]
    bodies = [messages.payload(click) for click in made]
    clicks.record_dead_clicks(dead("process_click", click=bodies[0]))
    clicks.record_dead_clicks(dead("process_clicks", clicks=bodies))
    assert outcomes(made) == ["error:internal", "error:internal"]
    assert [(row.kind, row.count) for row in incidents.open_ones(10)] == [("clicks_not_accepted", 2)]
    clicks.replay_click_errors()
    for message in sent("process_clicks"):
        clicks.process_clicks(**message)
    assert outcomes(made) == ["done+error:internal:replayed"] * 2


def test_partitions_need_no_keeping_on_sqlite(stage: Stage) -> None:
    assert clicks.keep_click_partitions() == 0


def test_too_few_partitions_are_an_incident_until_there_are_enough(
    database: Any, stub_broker: StubBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    for ahead, expected in ((1, ["click_partitions_short"]), (7, [])):
        monkeypatch.setattr(partitions, "days_ahead", lambda ahead=ahead: ahead)
        clicks.keep_click_partitions()
        assert [row.kind for row in incidents.open_ones(10)] == expected


def test_partitions_are_kept_a_week_ahead(postgres_database: Any) -> None:
    assert clicks.keep_click_partitions() == 11 * len(partitions.TABLES)
    assert clicks.keep_click_partitions() == 0
