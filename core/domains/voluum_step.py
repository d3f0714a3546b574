"""The step at Voluum: campaigns on a former domain follow one at a time, each proved by reading it back."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from config import clock
from config.clock import now
from config.services import why_missing
from config.settings import get_settings
from core.domains import dry_runs, pauses, platforms, steps
from core.domains import platform_plan as plans
from core.domains.platform_plan import Found
from core.domains.step_outcomes import Outcome, Then
from core.domains.steps import Claim, Overtaken
from core.domains.voluum_items import SERVICE, planned_change, seen, title, to_store, trouble
from integrations.errors import Conflict, OutcomeUnknown, RateLimited, Rejected, Unauthorized, Unavailable
from integrations.voluum import Voluum
from models import changes, observations
from models.changes import Item
from models.conflicts import transaction
from models.domain_states import ChangeState, StepState

SECONDS = 200.0
"""What one attempt works at most, well within the limit of its task; the rest is the next one's."""
MOST_LOOKS = 5
MOST_MISSED = 3
PATIENCE = 2.0
LONGEST_WISH = 300.0
_NO_KEY = "VOLUUM_ACCESS_ID and VOLUUM_ACCESS_KEY are not set"


class Stopped(Exception):
    """A write changed what it may not change; nothing more is written before a person has looked."""


class _TimeIsUp(Exception):
    """Enough for one attempt."""


def run(claim: Claim) -> Outcome:
    """One attempt at the step; no transaction is open while Voluum is asked."""
    account = platforms.voluum()
    if account is None:
        return Outcome(then=Then.REFUSED, error=why_missing(get_settings(), SERVICE, _NO_KEY))
    if (wait := pauses.wait(SERVICE)) is not None:
        return Outcome(then=Then.WAIT, seconds=wait.total_seconds(), error="Voluum is paused: it refuses our key")
    work = _Work(claim, account, claim.target or "", steps.former(claim.pipeline_id), clock.monotonic() + SECONDS)
    ended = work.attempt()
    done, total = changes.tally(claim.switch_id, SERVICE)
    return replace(
        ended, done=done, total=total, reached=work.reached, wrote=work.wrote, mentions=work.mentions
    )  # fmt: skip


@dataclass(slots=True)
class _Work:
    claim: Claim
    account: Voluum
    target: str
    former: set[str]
    ends_at: float
    reached: bool = False
    proved: bool = False
    wrote: bool = False
    missed: list[Unavailable] = field(default_factory=list)
    mentions: tuple[str, ...] = ()

    def attempt(self) -> Outcome:
        """Plan, then follow; whatever happens is an outcome."""
        try:
            self._plan()
            self._follow_all()
        except Overtaken:
            return Outcome(then=Then.GIVE_WAY)
        except (_TimeIsUp, Unauthorized, Unavailable) as error:
            return _again(error)
        except (Rejected, Stopped) as error:
            return self._end(str(error), stopped=isinstance(error, Stopped))
        return self._end("")

    def _plan(self) -> None:
        steps.guard(self.claim)
        listed = self.account.campaigns()
        self.reached = True
        self.mentions = tuple(
            f"{mention.title or mention.object_id}: {mention.field}"
            for mention in plans.campaign_mentions(listed, self.former)
        )
        raws = {str(raw.get("id")): raw for raw in listed}
        wanted = plans.campaign_changes(listed, self.former, self.target)
        planned = [to_store(change, raws[change.object_id]) for change in wanted]
        transaction(lambda: changes.plan(self.claim.switch_id, SERVICE, planned))

    def _follow_all(self) -> None:
        """The first one proves that writing works as it should; until then a failure ends the attempt."""
        in_a_row = 0
        for item in changes.items(self.claim.switch_id, SERVICE):
            try:
                self._follow(item)
                in_a_row = 0
            except (RateLimited, Unauthorized):
                raise
            except Rejected as error:
                self.wrote = False
                self._settle(item, ChangeState.FAILED, None, str(error))
            except Unavailable as error:
                changes.note(item, str(error))
                self.missed.append(error)
                in_a_row += 1
                if not self.proved or in_a_row >= MOST_MISSED:
                    raise
        if self.missed:
            raise self.missed[-1]

    def _follow(self, item: Item) -> None:
        """Read, judge, write, read back, as often as strangers get between."""
        left = item
        for _ in range(MOST_LOOKS):
            again = self._look(left)
            if again is None:
                return
            left = again
        raise Unavailable(f"campaign {title(item)} keeps changing")

    def _look(self, item: Item) -> Item | None:
        """One such round; None when the campaign is settled, else the change as it stands now."""
        raw = self._read(item)
        found = plans.read_campaign(raw, planned_change(item), self.former)
        if found in (Found.READY, Found.MOVED):
            return self._write(item, raw)
        if found is Found.DONE:
            self._there(item, raw)
        elif found is Found.GONE:
            self._settle(item, ChangeState.SKIPPED, None, "deleted at Voluum")
        else:
            self._settle(item, ChangeState.CONFLICT, raw, f"shows {raw.get(item.field)!r:.200}")
        return None

    def _read(self, item: Item) -> dict[str, Any]:
        if clock.monotonic() > self.ends_at:
            raise _TimeIsUp
        steps.guard(self.claim)
        return self.account.campaign(item.object_id)

    def _there(self, item: Item, raw: dict[str, Any]) -> None:
        """It shows the new domain: by a write of ours whose end we did not see, or by somebody else's."""
        if item.state is ChangeState.PLANNED:
            self._settle(item, ChangeState.SKIPPED, raw)
        else:
            self._prove(item, raw)

    def _write(self, item: Item, raw: dict[str, Any]) -> Item | None:
        """None if the object, read back, shows the new domain; else what to look at again."""
        edited = plans.edited_campaign(raw, self.target)
        written = replace(item, state=ChangeState.APPLYING, whole=raw)
        try:
            self.account.replace_campaign(item.object_id, edited, before_write=lambda: self._begin(item, raw))
        except Conflict:
            return item
        except OutcomeUnknown:
            self._look_back()  # whether it was written is seen by reading
        else:
            self._look_back()
            changes.settle(written, ChangeState.APPLIED, now())
        after = self._read(item)
        if not plans.campaign_shows(after, self.target):
            return written
        self._prove(written, after)
        return None

    def _begin(self, item: Item, raw: dict[str, Any]) -> None:
        """Right before the write: remember what is replaced, then ask whether it may be."""
        if not changes.start(item, raw):
            raise Overtaken
        steps.guard(self.claim)
        self.wrote = True

    def _look_back(self) -> None:
        """After the write: had a newer switch come in the meantime, it would have to write once more."""
        steps.guard(self.claim)
        self.wrote = False

    def _prove(self, item: Item, after: dict[str, Any]) -> None:
        surprises = plans.campaign_surprises(item.whole, after)
        if surprises:
            text = f"campaign {title(item)}: {', '.join(surprises)[:200]} changed with the domain"
            self._settle(item, ChangeState.FAILED, after, text)
            raise Stopped(text)
        self._settle(item, ChangeState.VERIFIED, after)
        self.proved = True

    def _settle(self, item: Item, state: ChangeState, raw: dict[str, Any] | None, error: str | None = None) -> None:
        """The state of the item, what was seen and how far the step is, together."""

        def store() -> None:
            changes.settle(item, state, now(), dry_runs.remark(SERVICE, error))
            if raw is not None and not self.account.dry_run:
                observations.record(list(seen(item, raw, self.claim.pipeline_id)))
            steps.progress(self.claim, *changes.tally(self.claim.switch_id, SERVICE))

        transaction(store)

    def _end(self, error: str, *, stopped: bool = False) -> Outcome:
        done, total = changes.tally(self.claim.switch_id, SERVICE)
        troubles = tuple(trouble(item) for item in changes.items(self.claim.switch_id, SERVICE, changes.REFUSED))
        state = StepState.PARTIAL if done < total else StepState.DONE
        return Outcome(
            then=Then.END, state=StepState.FAILED if error else state,
            error=error or "; ".join(troubles), stopped=stopped, troubles=troubles,
        )  # fmt: skip


def _again(error: Exception) -> Outcome:
    """What a failure that may pass asks for."""
    if isinstance(error, Unauthorized):
        return Outcome(then=Then.REFUSED, error=str(error))
    if isinstance(error, RateLimited):
        return Outcome(then=Then.WAIT, seconds=max(error.retry_after, PATIENCE), error=str(error))
    if not isinstance(error, Unavailable):
        return Outcome(then=Then.WAIT, error="more campaigns than one attempt can do")
    # a breaker of ours that is open wishes for nothing
    wish = min(error.retry_after or 0.0, LONGEST_WISH) if error.sent else 0.0
    return Outcome(then=Then.RETRY, seconds=wish, error=str(error))
