"""Dry runs on the command line: the doctor says what is not written, and nothing passes for written that was not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from cli import doctor
from config.clock import now
from core.domains import pipelines
from models import affise_items, affise_requests, observations
from models.affise_items import Ended
from models.database import db, execute
from models.domain_states import ChangeState, SwitchRequestState
from models.observations import Observation
from sandbox.server import Sandbox
from tests.cli.conftest import Cli
from tests.conftest import SettingsEnv
from tests.core.domains.yard import ANNA, pipeline, read

MARK = "dry run: not written"


def test_the_doctor_says_where_nothing_is_written(sqlite_database: Any, settings_env: SettingsEnv) -> None:
    settings_env(VOLUUM_DRY_RUN="true", AFFISE_DRY_RUN="true", TELEGRAM_DRY_RUN="true")
    found = {one.area: one for one in doctor.examine() if one.area in ("voluum", "affise", "telegram")}
    assert {area: (one.state, one.what) for area, one in found.items()} == {
        "voluum": ("!", "VOLUUM_DRY_RUN is on: nothing is written"),
        "affise": ("!", "AFFISE_DRY_RUN is on: nothing is written"),
        "telegram": ("!", "TELEGRAM_DRY_RUN is on: nobody is told anything"),
    }
    assert found["voluum"].remedy == "VOLUUM_DRY_RUN=false"


def test_keys_are_proved_in_a_dry_run_too(sqlite_database: Any, settings_env: SettingsEnv, sandbox: Sandbox) -> None:
    settings_env(SANDBOX_URL=sandbox.url, VOLUUM_DRY_RUN="true")
    found = [(one.state, one.what) for one in doctor.examine(live=True) if one.area == "voluum"]
    assert found == [("!", "VOLUUM_DRY_RUN is on: nothing is written"), ("ok", "voluum: session alive")]


def test_the_overview_marks_platforms_that_are_not_written(cli: Cli, settings_env: SettingsEnv) -> None:
    pipeline()
    row = Observation(
        platform="voluum", object_type="campaign", object_id="1", field="preferredTrackingDomain", domain="b.example",
        seen_at=now(), pipeline_id=read().id,
    )  # fmt: skip
    observations.record([row])
    settings_env(VOLUUM_DRY_RUN="true")
    assert (cli("pipelines", "list"), "voluum 0/1 (dry run)" in cli.out) == (0, True)
    assert cli.json("pipelines", "list")["items"][0]["platforms"]["voluum"]["dry_run"] is True
    [drift] = cli.json("pipelines", "show", "P")["drift"]
    assert (drift["shows"], drift["state"]) == ("b.example", "dry run")
    settings_env(VOLUUM_DRY_RUN="false")
    assert (cli("pipelines", "list"), "dry run" in cli.out) == (0, False)
    assert cli.json("pipelines", "show", "P")["drift"][0]["state"] == "drift"


def test_a_request_and_a_step_that_ended_in_a_dry_run_say_so_afterwards(cli: Cli) -> None:
    pipeline(with_update_affise=True)
    made = pipelines.switch("P", ANNA, "test", block=True)
    request = affise_requests.newest_of(read().id)
    assert request is not None
    with db.atomic():
        affise_requests.planned(request, "d" * 64, now() + timedelta(hours=24))
        affise_items.replace(request.id, [(7, "Shoes", "url", "https://a.example/", "https://b.example/", None)])
        affise_requests.move(request.id, SwitchRequestState.AWAITING_APPROVAL)
        execute("update affise_switch_request set status = 'applying'")
        [item] = affise_items.of(request.id)
        assert affise_items.start(item.id)
        affise_items.end(item.id, Ended(status=ChangeState.VERIFIED, attempts=1, error=MARK), now(), wrote=True)
        execute("update affise_switch_request set status = 'done'")
        execute("update switch_step set state = 'done', last_error = %s where switch_id = %s and step = 'affise'",
                (MARK, made.id))  # fmt: skip
    [row] = cli.json("pipelines", "requests", "list")["items"]
    assert (row["status"], row["items"], row["done"], row["dry_run"]) == ("done", 1, 1, 1)
    [shown] = cli.json("pipelines", "requests", "show", str(request.id))["items"]
    assert (shown["status"], shown["error"]) == ("verified", MARK)
    assert cli.json("pipelines", "show", "P")["switches"][0]["steps"]["affise"] == "done (dry run)"
