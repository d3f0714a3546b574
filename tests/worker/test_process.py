"""What one worker process serves."""

from __future__ import annotations

import pytest

from config.catalog import LANES, QUEUES, UnknownTask
from config.errors import SettingsError
from tests.conftest import SettingsEnv
from worker.process import plan, run


def test_a_lane_brings_its_own_threads_and_prefetch() -> None:
    unit, lane = plan(["clicks"], (), None), LANES["clicks"]

    assert (unit.queues, unit.threads, unit.prefetch) == (lane.queues, lane.threads, lane.prefetch)


def test_several_lanes_take_the_largest_of_each() -> None:
    unit = plan(["clicks", "saving"], (), None)

    assert unit.threads == max(LANES[name].threads for name in ("clicks", "saving"))
    assert unit.prefetch == max(LANES[name].prefetch for name in ("clicks", "saving"))


def test_without_a_lane_every_queue_is_served() -> None:
    assert set(plan((), (), None).queues) == set(QUEUES)


def test_queues_can_be_named_instead() -> None:
    assert plan((), ("jobs",), 3).queues == ("jobs",)
    assert plan((), ("jobs",), 3).threads == 3


def test_unknown_names_are_refused() -> None:
    with pytest.raises(UnknownTask):
        plan(["fast"], (), None)
    with pytest.raises(SettingsError):
        plan((), ("fast",), None)


def test_a_worker_on_rabbitmq_needs_postgresql(settings_env: SettingsEnv) -> None:
    settings = settings_env(RABBITMQ_URL="amqp://127.0.0.1:1/")
    with pytest.raises(SettingsError, match="DATABASE_URL"):
        run(settings)
