"""Pipelines on the command line: looked at, created, held, switched, imported and exported."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from models import audit
from models.database import execute
from models.domain_states import Verdict
from models.domains import DomainSwitch, TrackingDomainPipeline
from tests.cli.conftest import Cli
from tests.core.domains.yard import answer, pipeline, read
from tests.worker.postroom import sent

ADD = ("pipelines", "add", "DE", "--domain", "C1.example", "--domain", "c2.example")


def test_a_pipeline_is_created_listed_and_shown(cli: Cli) -> None:
    made = cli.json(*ADD, "--mode", "suggest", "--with-update-voluum", "--return-to-work")
    assert (made["schema"], made["active"], made["mode"]) == ("signalbox.pipelines.add/1", "c1.example", "suggest")
    [row] = cli.json("pipelines", "list")["items"]
    assert [(each["domain"], each["ready"]) for each in row["spares"]] == [("c2.example", "unproven")]
    assert (0 < row["spares"][0]["readiness"] < 100, row["runway"]) == (True, "0 spares, not enough history")
    shown = cli.json("pipelines", "show", "DE")
    assert [(each["domain"], each["role"]) for each in shown["domains"]] == [
        ("c1.example", "active"), ("c2.example", "backup"),
    ]  # fmt: skip
    assert [(each["seq"], each["to"]) for each in shown["switches"]] == [(1, "c1.example")]
    assert (cli("pipelines", "list"), cli.out.splitlines()[0].split("\t")[:4]) == (
        0, ["name", "status", "mode", "active"],
    )  # fmt: skip
    assert (cli("pipelines", "show", "DE"), "c2.example" in cli.out) == (0, True)


def test_an_existing_pipeline_is_extended_with_update_only(embedded: Cli) -> None:
    assert embedded(*ADD) == 0
    assert (embedded(*ADD), "--update" in embedded.err) == (2, True)
    assert embedded("pipelines", "add", "DE", "--update", "--domain", "c3.example", "--mode", "watch") == 0
    assert (read("DE").mode, len(embedded.json("pipelines", "list")["items"][0]["spares"])) == ("watch", 2)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("pipelines", "show", "X"), "there is no 'X'"),
        (("pipelines", "add", "X", "--domain", "10.0.0.1"), "domain: "),
        (("pipelines", "add", "X", "--domain", "a.example", "--mode", "fast"), "auto, suggest, watch"),
        (("pipelines", "add", "X", "--domain", "a.example", "--trafficback-url", "x"), "--trafficback-url"),
        (("pipelines", "mode", "P", "fast"), "auto, suggest, watch"),
        (("pipelines", "hold", "--reason", "x"), "NAME and --all"),
        (("pipelines", "hold", "P", "--reason", "x", "--for", "soon"), "30m, 2h or 3d"),
        (("pipelines", "release", "P", "--yes"), "is not held"),
        (("pipelines", "release", "P"), "add --yes"),
        (("pipelines", "switch", "P", "--reason", "x"), "add --yes"),
        (("pipelines", "switch", "P", "--reason", "x", "--to", "z.example"), "to: z.example"),
        (("domains", "history", "a_b"), "domain: "),
    ],
)
def test_what_cannot_be_done_is_told_and_changes_nothing(embedded: Cli, words: tuple[str, ...], text: str) -> None:
    pipeline()
    before = len(audit.page())
    assert embedded(*words) == 2
    assert text in embedded.err
    assert (len(audit.page()), DomainSwitch.select().count(), TrackingDomainPipeline.select().count()) == (before, 1, 1)


def test_a_pipeline_and_all_are_held_and_released(embedded: Cli) -> None:
    pipeline()
    assert embedded("pipelines", "hold", "P", "--reason", "partner", "--for", "2h") == 0
    assert embedded.json("pipelines", "list")["items"][0]["held"] is True
    assert embedded("pipelines", "release", "P", "--yes") == 0
    assert embedded("pipelines", "hold", "--all", "--reason", "resolver") == 0
    assert embedded.json("pipelines", "show", "P")["hold_on_all"]["reason"] == "resolver"
    answer("a.example", Verdict.UNSAFE)
    assert (embedded("pipelines", "release", "--all", "--yes"), "a.example of P (GSB_UNSAFE)" in embedded.err) == (
        0,
        True,
    )
    assert sent("block_active_tracking_domain") == [
        {"domain": "a.example", "reason": "GSB_UNSAFE", "evidence_id": None},
    ]  # fmt: skip
    assert embedded("pipelines", "mode", "P", "watch") == 0


def test_a_switch_is_shown_first_and_made_when_confirmed(embedded: Cli) -> None:
    pipeline()
    words = ("pipelines", "switch", "P", "--reason", "slow", "--block")
    assert embedded.json(*words, "--dry-run")["to"] == "b.example"
    assert read().active_domain == "a.example"
    done = embedded.json(*words, "--yes", "--no-wait")
    assert (done["from"], done["to"], done["switch"], done["switched"]) == ("a.example", "b.example", 2, True)
    assert (read().blocked_domains, done["steps"]) == (["a.example"], {"telegram": "pending"})
    assert [message["switch_id"] for message in sent("announce_pipeline_switch")] == [DomainSwitch.get(seq=2).id]


class Terminal(io.StringIO):
    """A person who types."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("typed", "code", "active"), [("yes", 2, "a.example"), ("P", 0, "b.example")])
def test_only_the_typed_name_of_the_pipeline_switches_it(
    embedded: Cli, monkeypatch: pytest.MonkeyPatch, typed: str, code: int, active: str
) -> None:
    pipeline()
    monkeypatch.setattr("sys.stdin", Terminal(f"{typed}\n"))
    assert embedded("pipelines", "switch", "P", "--reason", "slow", "--no-wait") == code
    assert embedded.err.splitlines()[:3] == [
        "P", "-  active   a.example, from then on the last spare", "+  active   b.example",
    ]  # fmt: skip
    assert read().active_domain == active


def test_the_steps_of_a_switch_are_shown_until_they_have_ended(embedded: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline(with_update_voluum=True)
    words = iter([("running", 1), ("running", 1), ("done", 12)])

    def work(_: float) -> None:
        state, done = next(words)
        execute(
            "update switch_step set state = %s, items_done = %s, items_total = 12 where step = 'voluum'", (state, done)
        )
        execute("update switch_step set state = 'done' where step = 'telegram'")

    monkeypatch.setattr("cli.pipeline_switch.sleep", work)
    assert embedded("pipelines", "switch", "P", "--reason", "slow", "--yes") == 0
    assert embedded.err.splitlines()[3:] == [
        "telegram: pending", "voluum: pending", "telegram: done", "voluum: running 1/12", "voluum: done 12/12",
    ]  # fmt: skip


def test_steps_that_take_too_long_are_named_and_go_on(embedded: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline()
    monkeypatch.setattr("cli.pipeline_switch.LONGEST_WAIT", 0.0)
    assert embedded("pipelines", "switch", "P", "--reason", "slow", "--yes") == 0
    assert "still under way: telegram; signalbox pipelines show P" in embedded.err


def test_a_spare_for_an_exhausted_pipeline_starts_the_steps_however_it_comes(embedded: Cli, tmp_path: Path) -> None:
    for name, domain in (("P", "a.example"), ("Q", "x.example")):
        assert pipeline(name, domain).block_active_domain("MANUAL")
    file = tmp_path / "in.csv"
    file.write_text("pipeline,domain,role\nQ,y.example,backup\n")
    assert embedded("pipelines", "add", "P", "--update", "--domain", "b.example") == 0
    assert embedded("pipelines", "import", str(file), "--apply") == 0
    assert (read("P").active_domain, read("Q").active_domain) == ("b.example", "y.example")
    made = [row.id for row in DomainSwitch.select().where(DomainSwitch.seq == 3).order_by(DomainSwitch.id)]
    assert [message["switch_id"] for message in sent("announce_pipeline_switch")] == made


def test_a_file_is_checked_then_applied_and_written_again(embedded: Cli, tmp_path: Path) -> None:
    file, copy = tmp_path / "in.csv", tmp_path / "out.csv"
    file.write_text("domain,pipeline,role\nc1.example,DE,active\nc2.example,DE,backup\n")
    assert [row["does"] for row in embedded.json("pipelines", "import", str(file))["rows"]] == ["new", "new"]
    assert TrackingDomainPipeline.select().count() == 0
    assert embedded("pipelines", "import", str(file), "--apply") == 0
    assert read("DE").active_domain == "c1.example"
    assert embedded("pipelines", "export", str(copy)) == 0
    assert embedded.json("pipelines", "import", str(copy), "--apply")["changed"] == []
    file.write_text("domain,pipeline,role\nc1.example,IT,active\nc9.example,IT,king\n")
    assert embedded("pipelines", "import", str(file), "--apply") == 1
    assert [line.split(":")[0] for line in embedded.err.splitlines()] == ["line 2", "line 3"]
    assert embedded("pipelines", "import", str(tmp_path / "none.csv")) == 2
    assert embedded("pipelines", "export", "--pipeline", "X") == 2


def test_the_history_of_a_domain_names_roles_and_answers(cli: Cli) -> None:
    pipeline()
    answer("a.example", Verdict.UNSAFE)
    found = cli.json("domains", "history", "A.example")
    assert [(each["pipeline"], each["role"]) for each in found["roles"]] == [("P", "active")]
    assert [(each["source"], each["verdict"]) for each in found["answers"]] == [("gsb", "unsafe")]
    assert (cli("domains", "history", "a.example"), cli("domains", "history", "zz.example")) == (0, 1)
