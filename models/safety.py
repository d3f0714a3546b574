"""Requests for an opinion about a domain: opened once an hour, answered once, expired; all by conditional updates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from models.bulk import Rows
from models.database import execute, fetch, is_postgres
from models.domain_states import SafetyRequestState as State
from models.fields import bind, instant

OPEN = (State.PENDING, State.DISPATCHED)
LOOKED_BACK = timedelta(days=2)
Pieces = Sequence[dict[str, Any]]

_ACTIVE = """
select p.domain_id, p.pipeline_id from pipeline_domain p join tracking_domain_pipeline l on l.id = p.pipeline_id
where p.role = 'active' and l.enabled order by p.domain_id
"""
_NEW = Rows("id uuid, domain_id int, pipeline_id int, nonce text")
_INSERT = """
insert into domain_safety_request (bucket, expires_at, created_at, source, status, id, domain_id, pipeline_id, nonce)
select {instant}, {instant}, {instant}, 'gsc', 'pending', id, domain_id, pipeline_id, nonce from {rows} where true
on conflict do nothing returning id
"""
_REQUEST = """
select r.id, r.domain_id, d.name, r.status, r.nonce, r.expires_at, r.attempts, r.answer_sha256, r.created_at,
    exists (select 1 from pipeline_domain p join tracking_domain_pipeline l on l.id = p.pipeline_id
        where p.domain_id = r.domain_id and p.role = 'active' and l.enabled)
from domain_safety_request r join tracking_domain d on d.id = r.domain_id
"""
_BY_DOMAIN = _REQUEST + " where d.name = %s and r.source = 'gsc' and r.status in ('pending', 'dispatched')"
_BEGIN = """
update domain_safety_request set attempts = attempts + 1
where id = %s and status in ('pending', 'dispatched') and expires_at > %s
"""
_DISPATCHED = """
update domain_safety_request set status = 'dispatched', dispatched_at = %s where id = %s and status = 'pending'
"""
_CLOSE = "update domain_safety_request set status = %s where id = %s and status = 'pending'"
_ANSWER = """
update domain_safety_request set status = %s, verdict = %s, evidence = %s, answer_sha256 = %s, answered_at = %s
where id = %s and status = 'dispatched'
"""
_LATE = """
update domain_safety_request set verdict = %s, evidence = %s, answer_sha256 = %s, answered_at = %s where id = %s
"""
_EXPIRE = """
update domain_safety_request set status = 'expired'
where status in ('pending', 'dispatched') and expires_at <= %s returning id
"""
# only what ended by itself counts: a request that was taken back says nothing about the checker
_SILENT = """
select d.name from (
    select r.domain_id, r.status, row_number() over (partition by r.domain_id order by r.bucket desc) as place
    from domain_safety_request r join pipeline_domain p on p.domain_id = r.domain_id and p.role = 'active'
    join tracking_domain_pipeline l on l.id = p.pipeline_id and l.enabled
    where r.source = 'gsc' and r.bucket > %s and r.status not in ('pending', 'dispatched', 'cancelled')) x
join tracking_domain d on d.id = x.domain_id
where x.place <= %s group by d.name having sum(case when x.status = 'expired' then 1 else 0 end) = %s order by d.name
"""
_LAST = """
select evidence from domain_safety_request
where domain_id = %s and source = 'gsc' and status in ('safe', 'unsafe', 'unknown') order by bucket desc limit 1
"""


@dataclass(frozen=True, slots=True)
class Request:
    """One request; `in_use` says whether its domain is the active one of an enabled pipeline now."""

    id: UUID
    domain_id: int
    domain: str
    status: State
    nonce: str = field(repr=False)
    expires_at: datetime
    attempts: int
    answer_sha256: str | None
    created_at: datetime
    in_use: bool

    def open(self, at: datetime) -> bool:
        """Whether an answer may still decide anything."""
        return self.status in OPEN and self.expires_at > at


def active_domains() -> list[tuple[int, int]]:
    """The active domains of enabled pipelines, with their pipelines, in one order for all who write about them."""
    return [(int(domain_id), int(pipeline_id)) for domain_id, pipeline_id in fetch(_ACTIVE)]


def open_all(
    rows: Sequence[tuple[UUID, int, int, str]], at: datetime, bucket: datetime, expires_at: datetime
) -> list[UUID]:
    """Open a request for each (id, domain, pipeline, nonce) that has none open nor one in this hour; the new ids."""
    values = [(str(number), *rest) for number, *rest in rows]
    made = _NEW.fetch(_INSERT, values, before=(bind(bucket), bind(expires_at), bind(at)))
    return sorted(UUID(str(number)) for (number,) in made)


def find(request_id: UUID, *, lock: bool = False) -> Request | None:
    """A request by its id, held until the transaction ends if `lock` is set."""
    rows = fetch(_REQUEST + " where r.id = %s" + _tail(lock), (str(request_id),))
    return _request(rows[0]) if rows else None


def open_about(domain: str) -> Request | None:
    """The request about a domain that waits for an answer, held until the transaction ends."""
    rows = fetch(_BY_DOMAIN + _tail(True), (domain,))
    return _request(rows[0]) if rows else None


def begin(request_id: UUID, at: datetime) -> bool:
    """Count an attempt; False if there is nothing left to attempt."""
    return execute(_BEGIN, (str(request_id), bind(at))) == 1


def dispatched(request_id: UUID, at: datetime) -> bool:
    """Note that a checker has it; False if that is known, or the answer came first."""
    return execute(_DISPATCHED, (bind(at), str(request_id))) == 1


def close(request_id: UUID, status: State) -> bool:
    """End a request that nobody took: failed or cancelled; False if it has moved on."""
    return execute(_CLOSE, (status.value, str(request_id))) == 1


def answer(request_id: UUID, verdict: State, pieces: Pieces, digest: str, at: datetime) -> bool:
    """Note the answer, also if it overtook the note that the request was dispatched; False if there is one already."""
    dispatched(request_id, at)
    values = (verdict.value, verdict.value, _json(pieces), digest, bind(at), str(request_id))
    return execute(_ANSWER, values) == 1


def keep_late(request_id: UUID, verdict: State, pieces: Pieces, digest: str, at: datetime) -> None:
    """Keep an answer that came too late beside the request, whose status stays."""
    execute(_LATE, (verdict.value, _json(pieces), digest, bind(at), str(request_id)))


def expire(at: datetime) -> int:
    """End what was not answered in time; how many."""
    return len(fetch(_EXPIRE, (bind(at),)))


def silent(in_a_row: int, at: datetime) -> list[str]:
    """Domains in use of which so many requests in a row were left without an answer."""
    return [str(name) for (name,) in fetch(_SILENT, (bind(at - LOOKED_BACK), in_a_row, in_a_row))]


def last_pieces(domain_id: int) -> list[dict[str, Any]]:
    """What the latest answer about a domain brought with it."""
    rows = fetch(_LAST, (domain_id,))
    found = rows[0][0] if rows else None
    pieces = orjson.loads(found) if isinstance(found, (str, bytes)) else found
    return [piece for piece in pieces or () if isinstance(piece, dict)]


def _tail(lock: bool) -> str:
    return " for no key update of r" if lock and is_postgres() else ""


def _json(pieces: Pieces) -> str:
    return orjson.dumps(list(pieces)).decode()


def _request(row: Sequence[Any]) -> Request:
    number, domain_id, domain, status, nonce, expires_at, attempts, digest, created_at, in_use = row
    return Request(
        UUID(str(number)), int(domain_id), str(domain), State(status), str(nonce), instant(expires_at), int(attempts),
        digest, instant(created_at), bool(in_use),
    )  # fmt: skip
