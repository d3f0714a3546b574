"""The blacklist by its own name: what is listed, changed on record, and what its entries do."""

from __future__ import annotations

from datetime import timedelta

import pytest

from config.clock import now
from models import audit
from models.ads import IpBlacklist
from models.fields import instant
from tests.cli.conftest import Cli
from tests.conftest import SettingsEnv
from tests.core.ads import stage
from tests.core.ads.stage import IP, SECOND

NET = f"{IP}/32"


def refused(here: stage.Stage, count: int, *, ip: str = IP, visitors: int = 1) -> None:
    stage.local(
        *(here.click(number % 5, ip=ip, at=number * SECOND, visitor_id=f"v{number % visitors}")
          for number in range(count))
    )  # fmt: skip


def test_a_network_is_added_for_some_days_with_a_reason_on_record(cli: Cli) -> None:
    words = ("blacklist", "add", "203.0.113.200/24", "--reason", "click farm", "--days", "90")
    assert cli(*words) == 2
    assert cli.json(*words, "--dry-run")["added"] is False
    assert IpBlacklist.select().count() == 0
    assert cli.json(*words, "--yes")["net"] == "203.0.113.0/24"
    [row] = cli.json("blacklist", "list")["items"]
    assert (row["net"], row["source"], row["note"]) == ("203.0.113.0/24", "manual", "click farm")
    assert abs(instant(row["expires_at"]) - now() - timedelta(days=90)) < timedelta(minutes=5)
    [entry] = audit.page(object="network:203.0.113.0/24")
    assert (entry.action, entry.reason) == ("blacklist.add", "click farm")


@pytest.mark.parametrize("network", ["nowhere", "0.0.0.0/0", "10.0.0.0/7", "2000::/3"])
def test_what_is_no_network_or_half_the_world_is_refused(cli: Cli, network: str) -> None:
    assert cli("blacklist", "add", network, "--reason", "x", "--yes") == 2
    assert "203.0.113.0/24" in cli.err
    assert (IpBlacklist.select().count(), audit.page()) == (0, [])


@pytest.mark.parametrize("words", [("blacklist", "remove"), ("ip", "unblock")])
def test_taking_a_network_off_is_on_record(cli: Cli, words: tuple[str, str]) -> None:
    refused(stage.build(), 5)
    assert cli(*words, IP, "--reason", "office of a partner", "--dry-run") == 0
    assert audit.page() == []
    assert cli(*words, IP, "--reason", "office of a partner", "--yes") == 0
    [row] = audit.page()
    assert (row.action, row.object, row.reason) == ("blacklist.remove", f"network:{NET}", "office of a partner")
    assert row.before == {"reason_code": "over_limit_day", "source": "auto", "hits": 2}
    assert cli(*words, IP, "--reason", "again", "--yes") == 1


def test_the_record_of_a_visitor_holds_no_cookie(cli: Cli, settings_env: SettingsEnv) -> None:
    settings_env(ACTOR_KEY="net+visitor")
    refused(stage.build(), 4)
    assert cli("blacklist", "remove", IP, "--reason", "mistake", "--yes") == 0
    [row] = audit.page()
    assert (row.object, "v0" in repr(row)) == (f"network:{NET}:visitor", False)


def test_the_review_counts_visitors_and_publishers_hurt_and_knows_our_own_networks(
    cli: Cli, settings_env: SettingsEnv
) -> None:
    here, other = stage.build(), stage.build()
    refused(here, 4)
    refused(here, 6, visitors=3)
    refused(other, 1)
    for net in ("198.51.100.0/24", "192.0.2.0/24", "10.1.0.0/16"):
        assert cli("blacklist", "add", net, "--reason", "test", "--yes") == 0
    refused(here, 2, ip="198.51.100.9", visitors=2)
    settings_env(TRUSTED_PROXIES="192.0.2.1/32", ALLOWLIST_NETS="198.51.100.0/25")
    rows = {row["net"]: row for row in cli.json("blacklist", "review")["items"]}
    assert [(row["refused"], row["visitors"], row["accounts"]) for row in rows.values()] == [
        (7, 3, 2), (2, 2, 1), (0, 0, 0), (0, 0, 0),
    ]  # fmt: skip
    assert {net: row["kind"] for net, row in rows.items()} == {
        NET: "public", "198.51.100.0/24": "allowed", "192.0.2.0/24": "own", "10.1.0.0/16": "private",
    }  # fmt: skip


def test_a_review_looks_at_one_source_and_so_many_days(cli: Cli) -> None:
    refused(stage.build(), 5)
    assert len(cli.json("blacklist", "review", "--source", "auto", "--days", "1")["items"]) == 1
    assert cli.json("blacklist", "review", "--source", "manual")["items"] == []
    assert cli("blacklist", "review", "--source", "nobody") == 2
    assert cli("blacklist", "review") == 0
    assert NET in cli.out
