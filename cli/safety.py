"""The command with which a person answers a request for an opinion about a domain."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from cli.session import Json


class Said(StrEnum):
    """What a person may say."""

    SAFE = "safe"
    UNSAFE = "unsafe"


def answer(
    domain: Annotated[str, typer.Argument(metavar="DOMAIN", help="The domain that a checker was asked about.")],
    verdict: Annotated[Said, typer.Argument(metavar="safe|unsafe", help="What you have found.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the audit log and as evidence.")],
    as_json: Json = False,
) -> None:
    """Answer the open request for an opinion; unsafe orders the block, which the brakes still judge.

    Examples:

      signalbox domains answer c4.example safe --reason "reviewed in Search Console, no issue"

      signalbox domains answer c4.example unsafe --reason "security issue mail of 12:07" --json
    """
    from cli.desk import messages
    from cli.output import say, show_json
    from cli.pipeline_words import acting, told
    from worker.domains.safety import answer_by_hand

    with messages(), told():
        taken = answer_by_hand(domain, verdict.value, acting(), reason)
    request = taken.request
    assert request is not None, "refused otherwise"
    ordered = taken.evidence_id is not None
    if as_json:
        facts = {"domain": request.domain, "request": request.id, "verdict": verdict.value, "block_ordered": ordered}
        return show_json(facts, schema="domains.answer/1")
    return say(f"{request.domain}: {verdict.value}" + ("; the block is ordered" if ordered else ""))
