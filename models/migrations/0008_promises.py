"""What is promised and not done yet: telling of an incident, a second look at a platform, an answer to the chat."""

from typing import Any

from models.migrate import apply

PROMISES = """
alter table alert add column asked bigint not null default 0;
alter table alert add column heard bigint not null default 0;
alter table alert add column asked_until {instant};

alter table switch_step add column look_again_at {instant};
create index switch_step_doubtful on switch_step (look_again_at) where look_again_at is not null;

alter table telegram_digest add column begun_at {instant};
create table telegram_answer (
    update_id bigint primary key, news {json} not null, answer {json} not null, later {bool} not null,
    noted_at {instant} not null, claimed_until {instant} not null);
"""


def up(migrator: Any, db: Any) -> None:
    """Add the columns and the table."""
    apply(db, PROMISES)
