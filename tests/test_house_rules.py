"""Rules that hold over the whole tree: references are fresh, queues are served, doors are used."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from cli import handbook, reference
from config.catalog import LANES, QUEUES, TASKS, queues_of
from models import ads, domain_requests, domains, payouts, runtime
from models.mail import Mail
from models.runtime import Row
from worker.broker import load_actors

ROOT = Path(__file__).parent.parent
LAYERS = ("cli", "config", "core", "integrations", "models", "scheduler", "web", "worker")


def sources(*folders: str) -> Iterator[tuple[str, str]]:
    for folder in folders or LAYERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield str(path.relative_to(ROOT)), path.read_text()


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("tasks", reference.tasks_markdown),
        ("configuration", handbook.configuration_markdown),
        ("states", handbook.states_markdown),
    ],
)
def test_the_generated_page_is_fresh(page: str, text: object) -> None:
    assert callable(text)
    assert (ROOT / "docs" / f"{page}.md").read_text() == text(), f"run: signalbox docs {page} > docs/{page}.md"


def test_every_catalog_row_has_one_actor_and_the_reverse() -> None:
    assert set(load_actors()) == set(TASKS)


def test_every_actor_says_in_one_line_what_it_does_for_an_operator() -> None:
    without = [name for name, actor in load_actors().items() if not (actor.fn.__doc__ or "").strip().endswith(".")]
    assert without == []


def test_the_procfile_serves_every_queue_once() -> None:
    lines = (ROOT / "Procfile").read_text().splitlines()
    lanes = [name for line in lines for name in re.findall(r"--lane (\S+)", line)]
    assert Counter(queue for lane in lanes for queue in LANES[lane].queues) == Counter(QUEUES)
    assert sorted(queues_of([])) == sorted(QUEUES)


def test_only_the_settings_read_the_environment() -> None:
    readers = {path for path, text in sources() if re.search(r"os\.(environ|getenv)", text)}
    assert readers <= {"config/settings.py"}


def test_only_the_clock_helper_reads_the_wall_clock() -> None:
    readers = {
        path
        for path, text in sources()
        if re.search(r"datetime\.(now|utcnow|today)\(|date\.today\(|\btime\.time\(", text)
    }
    assert readers <= {"config/clock.py"}


def test_nothing_deserialises_code() -> None:
    forbidden = re.compile(r"\b(import pickle|import marshal|yaml\.load|\beval\(|\bexec\()")
    assert [path for path, text in sources() if forbidden.search(text)] == []


def test_no_sql_is_built_by_formatting_values() -> None:
    found = [
        (path, node.lineno)
        for path, text in sources("core", "models", "worker", "scheduler", "web", "cli")
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.JoinedStr)
        and re.match(r"\s*(select|insert|update|delete)\b.*\b(from|into|set)\b", "".join(
            part.value for part in node.values if isinstance(part, ast.Constant) and isinstance(part.value, str)
        ))
    ]  # fmt: skip
    assert [place for place in found if place[0] != "models/bulk.py"] == []


def test_telebot_is_the_package_we_mean() -> None:
    assert packages_distributions()["telebot"] == ["pyTelegramBotAPI"]


@pytest.mark.parametrize(
    "row",
    [
        runtime.DeadLetter,
        runtime.ScheduleRun,
        ads.Campaign,
        ads.Click,
        ads.ClickError,
        payouts.PayoutRequest,
        Mail,
        domains.TrackingDomainPipeline,
        domains.PipelineDomain,
        domains.SwitchStep,
        domain_requests.PlatformChange,
        domain_requests.AffiseSwitchRequest,
        domain_requests.AffiseSwitchItem,
        domain_requests.DomainSafetyRequest,
    ],
    ids=lambda row: row.__name__,
)
def test_the_moves_of_a_status_name_every_state_and_only_known_ones(row: type[Row]) -> None:
    moves: dict[StrEnum, tuple[StrEnum, ...]] = vars(row)["MOVES"]
    states = set(type(next(iter(moves))))
    assert set(moves) == states
    assert {state for targets in moves.values() for state in targets} <= states
