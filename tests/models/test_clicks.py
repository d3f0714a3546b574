"""The statements behind a decision find rows by key, also in a partition that was never analysed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from config.clock import now
from config.ids import new_id
from models import bulk, clicks, partitions
from models.database import db, execute, fetch

FILL = """
insert into click (click_day, click_id, clicked_at, actor_net, offer_id, campaign_id, informer_id, account_id, url,
    state, is_unique, is_social, advertiser_cost, partner_cost, view_ms, created_at)
select %s, gen_random_uuid(), %s, (('10.0.' || n / 250 || '.' || n %% 250) || '/32')::cidr, 1, 1, 1, 1, '', 'done',
    true, false, 0, 0, 0, %s
from generate_series(1, 20000) as n
"""


@pytest.fixture
def plans(postgres_database: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Twenty thousand clicks of today without statistics; the plan of every later statement."""
    partitions.keep_ahead()
    execute(f"alter table click_{now():%Y%m%d} set (autovacuum_enabled = false)")
    execute(FILL, (now().date(), now(), now()))
    found: list[str] = []
    original = db.execute_sql

    def explained(sql: str, params: Any = None) -> Any:
        found.extend(line for (line,) in fetch("explain " + sql, params))
        return original(sql, params)

    monkeypatch.setattr(bulk, "db", type("Explaining", (), {"execute_sql": staticmethod(explained)}))
    return found


def test_known_clicks_are_looked_up_by_their_key(plans: list[str]) -> None:
    clicks.known([(now().date(), str(new_id())) for _ in range(500)], charges=True)
    conditions = [line for line in plans if "Index Cond" in line and "click_id = v.id" in line]
    assert len(conditions) == 4
    assert not any("Seq Scan on click_2" in line for line in plans)


def test_clicks_of_a_network_are_looked_up_by_the_network(plans: list[str]) -> None:
    day = timedelta(days=1)
    nets = [f"10.1.{number // 250}.{number % 250}/32" for number in range(500)]
    clicks.seen(nets, now() - day, now() + day, ((now() - day).date(), (now() + day).date()))
    assert any("Index Cond" in line and "actor_net" in line and "clicked_at" in line for line in plans)
    assert not any(f"Seq Scan on click_{now():%Y%m%d}" in line for line in plans)
