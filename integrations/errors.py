"""The outcomes of a call to the outside other than a value; every integration ends in one of these."""

from __future__ import annotations


class OutsideError(Exception):
    """What all outcomes share: the service and the request's id, when known. Only the classes below are raised."""

    service: str = ""
    request_id: str = ""


class Unavailable(OutsideError):
    """Nothing happened, or repeating is harmless: no connection, a timeout of a harmless call, 5xx, overload.

    The worker retries it as the catalog row says. `sent` is False when provably no byte of the request left.
    """

    def __init__(
        self, detail: str = "", *, sent: bool = False, timed_out: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.sent = sent
        self.timed_out = timed_out
        self.retry_after = retry_after


class Malformed(Unavailable):
    """A 2xx answer that cannot be parsed or has the wrong shape; `excerpt` is its start, redacted, at most 2 kB.

    The worker retries it at most three times.
    """

    def __init__(self, detail: str = "", excerpt: str = "", *, sent: bool = True) -> None:
        super().__init__(detail, sent=sent)
        self.args = (detail, excerpt)
        self.excerpt = excerpt

    def __str__(self) -> str:
        return self.detail


class RateLimited(Unavailable):
    """429 or the vendor's equivalent: `retry_after` seconds from now the same call may be made.

    The worker reschedules it then; it costs no try and ends at the age limit.
    """

    retry_after: float

    def __init__(self, detail: str = "", *, retry_after: float = 60.0, sent: bool = True) -> None:
        super().__init__(detail, sent=sent, retry_after=retry_after)


class Rejected(OutsideError):
    """The same call can never succeed: bad input, unknown id, forbidden. The worker records it and never retries."""

    def __init__(self, code: str = "rejected", detail: str = "", *, status: int = 0) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
        self.status = status

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}" if self.detail else self.code


class Conflict(Rejected):
    """The remote object changed or exists already. The worker re-reads it or accepts it as done."""


class Unauthorized(Rejected):
    """The key or session was refused after one fresh login. The worker pauses the integration and alerts once."""


class OutcomeUnknown(OutsideError):
    """A write with an effect was sent and no usable answer came back: it may or may not have happened.

    Not an Unavailable, so that no generic retry repeats it. The worker first reads back, looks up or parks it.
    """

    def __init__(self, detail: str = "", *, timed_out: bool = False) -> None:
        super().__init__(detail)
        self.detail = detail
        self.timed_out = timed_out
