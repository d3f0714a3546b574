"""Files of pipelines: all of it or nothing, every bad line by its number, and back again without a difference."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.clock import now
from core.domains import pipeline_files, pipeline_import, pipelines
from core.domains.persons import Refused
from core.domains.pipeline_files import plain, safe
from core.domains.pipeline_import import Plan
from models import audit, pipeline_writes
from models.database import db, execute
from models.domains import DomainSwitch, PipelineDomain, TrackingDomainPipeline
from tests.core.domains import yard
from tests.core.domains.yard import ANNA, everything, pipeline, read, steps

HEAD = ",".join(pipeline_files.COLUMNS) + "\n"
TWO = HEAD + (
    "DE,a.example,active,0,,suggest,yes,no,yes,https://back.example/,https://one.example/ https://two.example/\n"
    "DE,b.example,backup,0,,suggest,yes,no,yes,https://back.example/,\n"
    "DE,c.example,blocked,0,GSB_UNSAFE,suggest,yes,no,yes,https://back.example/,\n"
    "IT,d.example,active,0,,auto,no,no,no,,\n"
    "IT,e.example,parked,4,,auto,no,no,no,,\n"
)


def found(text: str) -> pipeline_files.Findings:
    return pipeline_files.read(io.BytesIO(text.encode()))


def take(text: str) -> Plan:
    return pipeline_import.apply(found(text), ANNA)


def exported(*names: str) -> str:
    text = io.StringIO()
    pipeline_files.write(text, names)
    return text.getvalue()


def problems(text: str) -> list[tuple[int, str]]:
    return [(line, problem.split(":")[0]) for line, problem in pipeline_import.check(found(text)).problems]


def empty() -> None:
    for table in ("switch_step", "domain_switch", "pipeline_destination", "pipeline_domain", "domain_state",
                  "domain_evidence", "tracking_domain_pipeline", "tracking_domain"):  # fmt: skip
        execute("delete from " + table)


def test_a_check_changes_nothing_and_an_import_makes_switch_1_of_each_new_pipeline(database: Any) -> None:
    before = everything()
    plan = pipeline_import.check(found(TWO))
    assert ([each.does for each in plan.results], plan.problems) == (["new"] * 5, [])
    assert everything() == before
    take(TWO)
    assert yard.roles("DE") == {"a.example": "active", "b.example": "backup", "c.example": "blocked"}
    assert (read("IT").active_domain, read("DE").blocked_domains, read("IT").next_domain) == (
        "d.example", ["c.example"], None,
    )  # fmt: skip
    [first] = yard.switches("DE")
    assert (first.seq, str(first.trigger), set(steps(first.id).values())) == (1, "create", {"not_needed"})
    assert [row.action for row in audit.page()] == ["pipeline.import"] * 2


def test_what_is_exported_can_be_imported_into_an_empty_database_without_a_difference(database: Any) -> None:
    take(TWO)
    text = exported()
    empty()
    take(text)
    assert exported() == text == TWO.replace("\n", "\r\n")


def test_importing_an_export_or_the_same_file_twice_changes_nothing(database: Any) -> None:
    take(TWO)
    before = everything()
    for text in (TWO, exported()):
        plan = take(text)
        assert ({each.does for each in plan.results}, plan.touched()) == ({"kept"}, [])
    assert everything() == before


def test_an_old_export_moves_no_active_domain_and_unblocks_nothing(database: Any) -> None:
    take(TWO)
    text = exported("DE")
    assert read("DE").block_active_domain("MANUAL")
    before = everything()
    plan = take(text)
    assert [each.note for each in plan.results] == ["stays blocked", "stays active", ""]
    assert everything() == before


def test_an_existing_pipeline_gets_spares_settings_and_pages(database: Any) -> None:
    pipeline("DE", "a.example", "b.example")
    take(
        "domain,role,pipeline,destination,mode\nn.example,active,DE,https://shop.example/,watch\nB.Example.,parked,DE,,watch\n"
    )
    assert yard.roles("DE") == {"a.example": "active", "b.example": "parked", "n.example": "backup"}
    assert (str(read("DE").mode), len(yard.switches("DE"))) == ("watch", 1)
    assert [url for _, url, _ in pipeline_writes.destinations([read("DE").id])] == ["https://shop.example/"]


def test_spares_put_an_exhausted_pipeline_back_to_work_by_a_switch_that_is_followed(database: Any) -> None:
    made = pipeline("DE", "a.example", with_update_voluum=True)
    assert made.block_active_domain("MANUAL")
    assert take("pipeline,domain,role\nDE,y.example,backup\nDE,z.example,backup\n").switched == 1
    last = yard.switches("DE")[-1]
    assert (read("DE").active_domain, last.seq, str(last.trigger)) == ("y.example", 3, "return")
    assert steps(last.id)["voluum"] == "pending"


def test_every_bad_row_is_reported_and_nothing_is_changed(database: Any) -> None:
    pipeline("OLD", "taken.example", "spare.example")
    rows = [
        "X,a.example,active", "X,b.example,active", "Y,a.example,backup", "X,a.example,parked", "X,10.0.0.1,backup",
        "X,https://c.example,backup", "X,single,backup", "X,c.example:80,backup", "X,c.example,king",
        ",c.example,backup",        "X,spare.example,backup", "X,c.example", "X,good.example,backup",
    ]  # fmt: skip
    text = "pipeline,domain,role\n" + "\n".join(rows) + "\n"
    assert problems(text) == [
        (3, "role"), (4, "domain"), (5, "domain"), (6, "domain"), (7, "domain"), (8, "domain"), (9, "domain"),
        (10, "role"), (11, "pipeline"), (12, "domain"), (13, "row"),
    ]  # fmt: skip
    before = everything()
    with pytest.raises(Refused, match="line 3"):
        take(text)
    assert everything() == before


def test_a_problem_names_the_other_line_or_pipeline(database: Any) -> None:
    pipeline("OLD", "a.example")
    plan = pipeline_import.check(
        found("pipeline,domain,role\nX,b.example,backup\nY,b.example,backup\nX,a.example,backup\n")
    )
    texts = dict(plan.problems)
    assert "line 2" in texts[3]
    assert "'OLD'" in texts[4]


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ("X,a.example,backup,-1,,,,,,,", "position"), ("X,a.example,backup,1.5,,,,,,,", "position"),
        ("X,a.example,backup,²,,,,,,,", "position"), ("X,a.example,backup,,,fast,,,,,", "mode"),
        ("X,a.example,backup,,,,maybe,,,,", "with_update_voluum"),
        ("X,a.example,backup,,,,,,,ftp://x,", "trafficback_url"),
        ("X,a.example,backup,,,,,,,,javascript:x", "destination"), ("X,a\0.example,backup,,,,,,,,", "domain"),
        ("X,a.example,blocked,,a\0b,,,,,,", "reason"), ("X\x07,a.example,backup,,,,,,,,", "pipeline"),
        ('X,"a.example,backup,,,,,,,,', "row"),
    ],
)  # fmt: skip
def test_a_bad_cell_is_named_by_its_column(database: Any, row: str, field: str) -> None:
    assert problems(HEAD + row + "\n") == [(2, field)]


@pytest.mark.parametrize(
    "header", ["", "pipeline,domain\n", "pipeline,domain,role,role\n", "pipeline,domain,role,cost\n"]
)
def test_a_header_that_does_not_fit_is_refused(database: Any, header: str) -> None:
    assert problems(header) == [(1, "header")]


def test_rows_of_one_pipeline_that_disagree_are_refused(database: Any) -> None:
    text = "pipeline,domain,role,mode\nX,a.example,active,auto\nX,b.example,backup,watch\n"
    assert problems(text) == [(3, "mode")]


class Unread(io.FileIO):
    """A file that must not be read."""

    def read(self, size: int | None = -1) -> bytes:
        raise AssertionError("it is read although it is too large")


def test_a_file_that_is_not_utf_8_or_too_large_is_refused(database: Any, tmp_path: Path) -> None:
    assert pipeline_files.read(io.BytesIO(b"pipeline,domain,role\nX,\xff,active\n")).problems[0][0] == 2
    assert problems("﻿pipeline,domain,role\nX,a.example,active\n") == []
    many = "pipeline,domain,role\n" + "\n".join(f"X,d{n}.example,backup" for n in range(50_001))
    assert pipeline_files.read(io.BytesIO(many.encode())).problems[0][0] == 50_002
    huge = tmp_path / "huge.csv"
    with open(huge, "wb") as file:
        file.truncate(2 * 1024**3)
    with Unread(huge) as unread:
        assert "split it" in pipeline_files.read(unread).problems[0][1]


def test_a_number_of_rows_takes_the_same_number_of_statements(database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = []
    real = db.obj.execute_sql
    asked: list[Any] = []

    def counted(*words: Any, **more: Any) -> Any:
        asked.append(words)
        return real(*words, **more)

    monkeypatch.setattr(db.obj, "execute_sql", counted)
    for size in (3, 300):
        rows = [f"{size}-{n},d{n}-{size}.example,active\n{size}-{n},s{n}-{size}.example,backup" for n in range(size)]
        asked.clear()
        take("pipeline,domain,role\n" + "\n".join(rows) + "\n")
        counts.append(len(asked))
    assert counts[0] == counts[1] < 40
    assert (TrackingDomainPipeline.select().count(), PipelineDomain.select().count()) == (303, 606)
    assert DomainSwitch.select().count() == 303


@given(st.text(alphabet="'=+-@\t\rab"))
def test_a_cell_that_a_spreadsheet_would_run_is_quoted_and_comes_back(cell: str) -> None:
    assert plain(safe(cell)) == cell
    assert not safe(cell).startswith(("=", "+", "-", "@", "\t", "\r"))


NAMES = st.text(st.characters(categories=["L", "N", "P", "S"], include_characters="=+-@'"), min_size=1, max_size=20)
REASONS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1, max_size=30)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_whatever_pipelines_are_they_survive_an_export_and_an_import(database: Any, data: st.DataObject) -> None:
    empty()
    names = data.draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    for number, name in enumerate(names):
        flags = data.draw(st.fixed_dictionaries({"with_update_voluum": st.booleans(), "return_to_work": st.booleans()}))
        pipeline(name, *(f"d{number}-{place}.example" for place in range(4)), **flags)
        for why in data.draw(st.lists(REASONS, max_size=5)):
            read(name).block_active_domain(why, actor="anna")
        if data.draw(st.booleans()) and read(name).next_domain:
            pipelines.park(name, str(read(name).next_domain), "later", ANNA)
        pipeline_writes.add_destinations([(read(name).id, "https://shop.example/?a={b}")])
    text = exported()
    empty()
    take(text)
    assert exported() == text
    assert now() >= read(names[0]).created_at
