"""Rows of the ad network: who shows and who advertises, prices, the three stores of clicks, the blacklist."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from peewee import (
    BigAutoField,
    BigIntegerField,
    BlobField,
    BooleanField,
    CompositeKey,
    ForeignKeyField,
    IntegerField,
    TextField,
)

from models.fields import Address, Day, EnumText, Json, Micros, NetworkField, UtcDateTime, Uuid
from models.runtime import Row


class AccountKind(StrEnum):
    """What an account is."""

    USER = "user"
    MANAGER = "manager"
    ADMINISTRATOR = "administrator"


class BlockState(StrEnum):
    """How far an account is restricted; light and banned earn nothing, filter is checked harder."""

    NONE = "none"
    LIGHT = "light"
    BANNED = "banned"
    FILTER = "filter"


class Account(Row):
    """A publisher (kind user) or one of our people."""

    id = BigAutoField()
    guid = Uuid(unique=True)
    login = TextField(unique=True)
    kind = EnumText(AccountKind)
    block_state = EnumText(BlockState, default=BlockState.NONE)
    manager = ForeignKeyField("self", null=True, column_name="manager_id")
    email = TextField(null=True)
    min_payout = Micros(default=100_000_000)
    prepayment = BooleanField(default=False)
    credit_limit = Micros(default=0)
    click_min_seconds = IntegerField(default=15)
    advertiser_percent_bp = IntegerField(default=10_000)
    currency = TextField()
    created_at = UtcDateTime()
    payout_methods = Json(null=True)


class Site(Row):
    """A site of a publisher."""

    id = BigAutoField()
    account = ForeignKeyField(Account)
    host = TextField(unique=True)
    state = TextField(default="active")


class Informer(Row):
    """An ad block on a site."""

    id = BigAutoField()
    guid = Uuid(unique=True)
    account = ForeignKeyField(Account)
    site = ForeignKeyField(Site)
    title = TextField()
    disable_filter = BooleanField(default=False)


class CampaignStatus(StrEnum):
    """Where a campaign stands here; only a working one is advertised."""

    CREATED = "created"
    STARTED = "started"
    CONFIGURED = "configured"
    WORKING = "working"
    HOLD = "hold"
    STOP = "stop"


class Campaign(Row):
    """What an advertiser runs; its truth lives in AdLoad, this is our copy."""

    MOVES: ClassVar[dict[StrEnum, tuple[StrEnum, ...]]] = {
        CampaignStatus.CREATED: (CampaignStatus.STARTED, CampaignStatus.STOP),
        CampaignStatus.STARTED: (CampaignStatus.CONFIGURED, CampaignStatus.STOP),
        CampaignStatus.CONFIGURED: (CampaignStatus.WORKING, CampaignStatus.STOP),
        CampaignStatus.WORKING: (CampaignStatus.HOLD, CampaignStatus.STOP),
        CampaignStatus.HOLD: (CampaignStatus.WORKING, CampaignStatus.STOP),
        CampaignStatus.STOP: (CampaignStatus.STARTED, CampaignStatus.WORKING),
    }

    id = BigAutoField()
    guid = Uuid(unique=True)
    adload_id = TextField(null=True)
    title = TextField()
    account = TextField(default="")
    manager = TextField(default="")
    is_social = BooleanField(default=False)
    status = EnumText(CampaignStatus)
    partner_marker = BooleanField(default=True)
    hide_site = BooleanField(default=False)
    disable_filter = BooleanField(default=False)
    clicks_per_day_limit = IntegerField(null=True)
    budget = Micros(null=True)
    spent = Micros(default=0)
    held_since = UtcDateTime(null=True)
    synced_at = UtcDateTime(null=True)
    settings = Json(default=dict)


class Offer(Row):
    """One ad of a campaign; deactivated when it ends, never deleted, so that old links still resolve."""

    id = BigAutoField()
    guid = Uuid(unique=True)
    campaign = ForeignKeyField(Campaign)
    url = TextField()
    title = TextField()
    description = TextField(default="")
    click_cost = Micros()
    active = BooleanField(default=True)
    updated_at = UtcDateTime()


class PriceKind(StrEnum):
    """How a click is priced for the publisher."""

    FIXED = "fixed"
    FLOATING = "floating"


class ClickPrice(Row):
    """What a click pays from an instant on; append-only, a row of an informer overrides the account's."""

    id = BigAutoField()
    account = ForeignKeyField(Account)
    informer = ForeignKeyField(Informer, null=True)
    kind = EnumText(PriceKind)
    fixed_cost = Micros(default=0)
    percent_bp = IntegerField(null=True)
    floor_cost = Micros(null=True)
    cap_cost = Micros(null=True)
    effective_from = UtcDateTime()
    created_by = TextField()


class ClickState(StrEnum):
    """Where a recorded click stands: decided and uncharged, counted, or taken back."""

    PENDING = "pending"
    DONE = "done"
    VOID = "void"


class Click(Row):
    """A click that passed every check; pending until AdLoad has answered."""

    MOVES: ClassVar[dict[StrEnum, tuple[StrEnum, ...]]] = {
        ClickState.PENDING: (ClickState.DONE, ClickState.VOID),
        ClickState.DONE: (ClickState.VOID,),
        ClickState.VOID: (ClickState.PENDING, ClickState.DONE),
    }

    click_day = Day()
    click_id = Uuid()
    clicked_at = UtcDateTime()
    ip = Address(null=True)
    actor_net = NetworkField(null=True)
    actor_hash = BlobField(null=True)
    visitor_id = TextField(default="")
    offer_id = BigIntegerField()
    campaign_id = BigIntegerField()
    informer_id = BigIntegerField()
    account_id = BigIntegerField()
    url = TextField()
    state = EnumText(ClickState)
    is_unique = BooleanField()
    is_social = BooleanField()
    advertiser_cost = Micros(null=True)
    partner_cost = Micros(null=True)
    price_id = BigIntegerField(null=True)
    adload_charge_id = TextField(null=True)
    charge_started_at = UtcDateTime(null=True)
    attempts = IntegerField(default=0)
    next_attempt_at = UtcDateTime(null=True)
    last_failure = TextField(null=True)
    view_ms = BigIntegerField()
    flags = IntegerField(default=0)
    day_count = IntegerField(default=0)
    rules_id = BigIntegerField(null=True)
    referer = TextField(default="")
    user_agent = TextField(default="")
    created_at = UtcDateTime()
    processed_at = UtcDateTime(null=True)
    payload = TextField(null=True)

    class Meta:
        primary_key = CompositeKey("click_day", "click_id")


class ClickRejected(Row):
    """A click that a rule refused: the code, the readable reason, the values and limits of that moment."""

    click_day = Day()
    click_id = Uuid()
    clicked_at = UtcDateTime()
    ip = Address(null=True)
    actor_net = NetworkField(null=True)
    visitor_id = TextField(default="")
    offer_id = BigIntegerField(null=True)
    offer_guid = Uuid(null=True)
    informer_id = BigIntegerField(null=True)
    informer_guid = Uuid(null=True)
    token = TextField()
    url = TextField()
    reason_code = TextField()
    reason = TextField()
    detail = Json()
    referer = TextField(default="")
    user_agent = TextField(default="")
    view_ms = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("click_day", "click_id")


class ErrorState(StrEnum):
    """Where an errored click stands: waiting for a person, unknown at AdLoad, being replayed, or settled."""

    OPEN = "open"
    UNKNOWN = "unknown"
    RETRY = "retry"
    REPLAYED = "replayed"
    DISMISSED = "dismissed"


class ClickError(Row):
    """A click that failed for a fault, with the whole payload for a replay."""

    MOVES: ClassVar[dict[StrEnum, tuple[StrEnum, ...]]] = {
        ErrorState.OPEN: (ErrorState.RETRY, ErrorState.DISMISSED),
        ErrorState.UNKNOWN: (ErrorState.RETRY, ErrorState.DISMISSED),
        ErrorState.RETRY: (ErrorState.REPLAYED, ErrorState.OPEN, ErrorState.UNKNOWN),
        ErrorState.REPLAYED: (),
        ErrorState.DISMISSED: (),
    }

    click_day = Day()
    click_id = Uuid()
    clicked_at = UtcDateTime()
    campaign_id = BigIntegerField(null=True)
    informer_id = BigIntegerField(null=True)
    stage = TextField()
    code = TextField()
    message = TextField()
    payload = Json()
    attempts = IntegerField(default=0)
    created_at = UtcDateTime()
    resolved_at = UtcDateTime(null=True)
    resolved_by = TextField(null=True)
    state = EnumText(ErrorState)

    class Meta:
        primary_key = CompositeKey("click_day", "click_id")


class IpBlacklist(Row):
    """A listed network: by a violation (auto) or by a person (manual)."""

    id = BigAutoField()
    net = NetworkField()
    visitor_id = TextField(default="")
    reason_code = TextField()
    source = TextField()
    first_listed_at = UtcDateTime()
    last_violation_at = UtcDateTime()
    hits = BigIntegerField(default=0)
    expires_at = UtcDateTime(null=True)
    note = TextField(default="")
    created_by = TextField(default="system")


class AdloadCharge(Row):
    """A charge of the local AdLoad driver; unique by click, so a repetition gets the first answer."""

    click_id = Uuid(primary_key=True)
    campaign_id = BigIntegerField()
    cost = Micros()
    created_at = UtcDateTime()


class CampaignDay(Row):
    """Recorded clicks of a campaign on one day of the reports; kept only for campaigns with a daily cap."""

    campaign_id = BigIntegerField()
    day = Day()
    clicks = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("campaign_id", "day")


class ClickRules(Row):
    """The limits in force at a moment; decided clicks point here, so that an explanation shows the values of then."""

    id = BigAutoField()
    digest = TextField(unique=True)
    rules = Json()
    first_used_at = UtcDateTime()


class StatsDirtyDay(Row):
    """A day whose statistics must be computed again."""

    day = Day(primary_key=True)
    since = UtcDateTime()
    marks = BigIntegerField(default=1)
