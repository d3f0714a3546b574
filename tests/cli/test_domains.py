"""Tracking domains on the command line: looked at now, what is in stock, and blocks that a person takes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from cli import doctor
from models.database import execute, fetch
from models.domain_states import Source, Verdict
from models.envelope import decode
from sandbox.server import Sandbox
from tests.cli.conftest import Cli
from tests.conftest import SettingsEnv
from tests.core.domains import yard
from tests.core.domains.yard import answer, pipeline, read, roles

A, B, LISTED = "a.sandbox.test", "b.sandbox.test", "malware.sandbox.test"
CHECK = ("domains", "check")


@pytest.fixture
def sandbox(_sandbox: Sandbox, settings_env: SettingsEnv, tmp_path: Path) -> Sandbox:
    _sandbox.reset()
    bundle = tmp_path / "authority.pem"
    bundle.write_text(_sandbox.authority_pem)
    settings_env(SANDBOX_URL=_sandbox.url, SAFE_BROWSING_PROVIDER="sandbox", CA_BUNDLE=str(bundle))
    return _sandbox


def stored() -> int:
    return int(fetch("select count(*) from domain_state")[0][0])


def blocks() -> list[dict[str, Any]]:
    found = [decode(bytes(body)) for (body,) in fetch("select body from queue_message order by id")]
    return [each["kwargs"] for each in found if each["actor_name"] == "block_active_tracking_domain"]


def test_every_check_of_a_domain_is_shown_and_stored_if_it_is_ours(cli: Cli, sandbox: Sandbox) -> None:
    pipeline("P", A, B)
    found = cli.json(*CHECK, A, "other.sandbox.test")
    assert (found["schema"], found["acted_on"]) == ("signalbox.domains.check/1", [])
    ours, other = found["items"]
    assert (ours["domain"], ours["verdict"], ours["known"], ours["pipeline"], ours["role"]) == (
        A, "safe", True, "P", "active",
    )  # fmt: skip
    assert {word: seen["verdict"] for word, seen in ours["checks"].items()} == dict.fromkeys(
        ("gsb", "dns", "tls", "http", "expiry"), "safe"
    )
    assert (other["verdict"], other["known"], stored()) == ("safe", False, 5)
    registry = cli.json(*CHECK, A, "--only", "expiry")["items"][0]["checks"]["expiry"]
    assert (registry["verdict"], registry["note"][:6]) == ("safe", "until ")
    assert [row["path"] for row in sandbox.journal("rdap")].count("/rdap/domain/sandbox.test") == 1
    assert (cli(*CHECK, "--all", "--only", "gsb,dns"), cli.out.splitlines()[0].split("\t")) == (
        0, ["domain", "verdict", "gsb", "dns", "why"],
    )  # fmt: skip
    assert [line.split("\t")[0] for line in cli.out.splitlines()[1:]] == [A, B]


def test_an_unsafe_domain_ends_with_4_and_silence_everywhere_with_5(
    cli: Cli, sandbox: Sandbox, settings_env: SettingsEnv
) -> None:
    assert cli(*CHECK, LISTED, A, "--only", "gsb", "--json") == 4
    rows = orjson.loads(cli.out)["items"]
    assert [row["verdict"] for row in rows] == ["unsafe", "safe"]
    assert "suspected MALWARE" in rows[0]["checks"]["gsb"]["note"]
    assert cli(*CHECK, "nx.sandbox.test", "--only", "dns") == 4
    assert cli(*CHECK, "servfail.sandbox.test", "--only", "dns") == 5
    settings_env(SAFE_BROWSING_PROVIDER="webrisk", SAFE_BROWSING_URL="http://127.0.0.1:1", SAFE_BROWSING_KEY="k")
    assert (cli(*CHECK, A, "--only", "gsb"), stored()) == (5, 0)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (CHECK, "either domains or --all"),
        ((*CHECK, A, "--all"), "either domains or --all"),
        ((*CHECK, A, "--only", "whois"), "'whois' is no check"),
        ((*CHECK, "http://a.example/x"), "domain: "),
        (("domains", "unblock", A, "--reason", "x"), "add --yes"),
        (("domains", "unblock", A, "--reason", " ", "--yes"), "reason: "),
        (("domains", "unblock", B, "--reason", "x", "--yes"), "is not blocked"),
    ],
)
def test_what_cannot_be_done_is_told_and_changes_nothing(embedded: Cli, words: tuple[str, ...], text: str) -> None:
    assert pipeline("P", A, B).block_active_domain("MANUAL")
    before = yard.everything()
    assert embedded(*words) in (1, 2)
    assert (text in embedded.err, yard.everything() == before) == (True, True)


def test_only_with_act_an_unsafe_active_domain_is_sent_to_be_blocked(embedded: Cli, sandbox: Sandbox) -> None:
    pipeline("P", LISTED, "phish.sandbox.test")
    assert (embedded(*CHECK, "--all", "--only", "gsb"), blocks()) == (4, [])
    assert embedded(*CHECK, "--all", "--only", "gsb,dns", "--act", "--json") == 4
    assert orjson.loads(embedded.out)["acted_on"] == [{"domain": LISTED, "reason": "GSB_UNSAFE"}]
    [block] = blocks()
    assert (block["domain"], block["reason"], block["evidence_id"] is not None) == (LISTED, "GSB_UNSAFE", True)
    assert roles() == {LISTED: "active", "phish.sandbox.test": "backup"}


def test_a_refused_certificate_is_acted_on_only_where_the_pipeline_says_so(embedded: Cli, sandbox: Sandbox) -> None:
    pipeline("P", "tlswrong.sandbox.test", B)
    assert (embedded(*CHECK, "--all", "--only", "tls", "--act"), blocks()) == (4, [])
    execute("update tracking_domain_pipeline set block_on_tls = 1")
    assert embedded(*CHECK, "--all", "--only", "tls", "--act") == 4
    assert [block["reason"] for block in blocks()] == ["TLS_INVALID"]


def test_the_stock_of_spares_is_shown_with_its_reasons(cli: Cli) -> None:
    pipeline("P", A, B)
    pipeline("Q", "c.sandbox.test")
    answer(B, Verdict.UNSAFE)
    first, second = cli.json("domains", "spares")["items"]
    [spare] = first["spares"]
    assert (spare["domain"], spare["gate"], spare["readiness"], spare["parts"]) == (
        B, "bad", 0, [{"reason": "gsb: bad", "minus": 100}],
    )  # fmt: skip
    assert (second["spares"], second["runway"]["level"], second["runway"]["ready"]) == ([], "red", 0)
    assert (cli("domains", "spares"), [line.split("\t")[0] for line in cli.out.splitlines()]) == (
        0, ["pipeline", "P", "Q"],
    )  # fmt: skip


def test_a_person_unblocks_after_seeing_the_evidence_and_a_bad_domain_only_by_force(embedded: Cli) -> None:
    made = pipeline("P", A, return_to_work=True)
    assert made.block_active_domain("GSB_UNSAFE", evidence=answer(A, Verdict.UNSAFE))
    words = ("domains", "unblock", A, "--reason", "wrong listing")
    assert (embedded(*words, "--dry-run"), "unsafe" in embedded.err, roles()[A]) == (0, True, "blocked")
    assert (embedded(*words, "--yes"), "--force" in embedded.err, roles()[A]) == (2, True, "blocked")
    done = embedded.json(*words, "--force", "--yes")
    assert (done["schema"], done["unblocked"]) == (
        "signalbox.domains.unblock/1", [{"pipeline": "P", "role": "active", "switch": 3}],
    )  # fmt: skip
    assert read().active_domain == A
    assert fetch("select count(*) from audit_log where action = 'domain.unblock'") == [(1,)]
    assert (embedded(*words, "--yes"), "is not blocked" in embedded.err) == (1, True)


def test_the_history_of_a_domain_says_what_each_answer_rests_on(cli: Cli) -> None:
    pipeline("P", A)
    piece = {"kind": "gsc_security_issue_email", "category": "SOCIAL_ENGINEERING", "detail": "mail of 12:07"}
    answer(A, Verdict.UNSAFE, detail={"threats": ["MALWARE"]})
    answer(A, Verdict.SUSPECT, Source.DNS, detail={"negative": ["system", "1.1.1.1"]}, canary_ok=False)
    answer(A, Verdict.UNSAFE, Source.GSC, detail={"request": "1", "evidence": [piece]}, canary_ok=None)
    told = [one["why"] for one in cli.json("domains", "history", A)["answers"]]
    assert told == [
        "gsc_security_issue_email SOCIAL_ENGINEERING mail of 12:07",
        "denied by system, 1.1.1.1, the canaries failed",
        "suspected MALWARE",
    ]
    assert (cli("domains", "history", A), all(why in cli.out for why in told)) == (0, True)


def test_resolvers_that_say_nothing_of_use_are_no_reason_left_out(cli: Cli, sandbox: Sandbox) -> None:
    assert cli(*CHECK, "servfail.sandbox.test", "--only", "dns") == 5
    assert cli.out.splitlines()[1].endswith("unknown\tunknown\tdns: no resolver gave an answer that counts")
    assert cli(*CHECK, "sink.sandbox.test", "--only", "dns") == 5
    assert "sinkholed by 127.0.0.1" in cli.out


def test_a_dry_run_says_what_unblocking_would_come_to(embedded: Cli) -> None:
    made = pipeline("P", A, B)
    words = ("domains", "unblock", A, "--reason", "wrong listing", "--dry-run")
    assert (embedded(*words), "is not blocked" in embedded.err, embedded.out) == (1, True, "")
    assert (embedded(*words, "--force"), "is not blocked" in embedded.err) == (1, True)
    assert made.block_active_domain("GSB_UNSAFE", evidence=answer(A, Verdict.UNSAFE))
    assert (embedded(*words), "would be refused: domain: " in embedded.out, "--force" in embedded.out) == (
        0,
        True,
        True,
    )
    assert "gsb: bad" in embedded.json(*words)["problem"]
    assert (embedded(*words, "--force"), "would be unblocked" in embedded.out) == (0, True)
    assert (embedded.json(*words, "--force")["problem"], roles()[A]) == (None, "blocked")


def test_the_doctor_names_what_tracking_domains_lack(sqlite_database: Any, settings_env: SettingsEnv) -> None:
    def found() -> list[str]:
        return [f"{one.state} {one.what}" for one in doctor.examine() if one.area == "domains"]

    assert found() == []
    pipeline("P", A, B)
    assert found() == [
        "x SAFE_BROWSING_PROVIDER is not set, so no listing is noticed",
        "ok 1 pipeline(s), each with an active domain and a spare",
    ]
    pipeline("Q", "c.sandbox.test")
    execute(
        "insert into platform_observation (platform, object_type, object_id, field, pipeline_id, seen_domain, seen_at) "
        "values ('voluum', 'campaign', '1', 'x', 1, 'a', '2020-01-01T00:00:00.000000Z')"
    )
    settings_env(DNS_UPSTREAMS="192.0.2.1", CHECK_ACTIVE_LINKS_INTERVAL="60")
    settings_env(SAFE_BROWSING_KEY="k", SAFE_BROWSING_PROVIDER="webrisk")
    assert found() == [
        "! Web Risk: 3 domains every 60 s, 129,600 look-ups a month, about $15",
        "! DNS_UPSTREAMS has 1 voice(s): no domain is ever found not to resolve",
        "x pipeline Q has no spare domain",
        "! 1 field(s) at voluum were not read for 30 minutes",
    ]
