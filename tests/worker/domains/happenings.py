"""What may happen in a history: listings, dead names, outages, strangers, people, and clocks that are put right."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from config.clock import now
from core.domains import holds, pipelines, undo
from core.domains.persons import Refused
from models.database import db, execute, fetch
from models.domain_states import Mode
from models.pipeline_writes import Settings
from tests.core.domains.yard import ANNA, pipeline
from tests.worker.domains.theatre import Theatre
from worker.domains import persons, spares, steps

NAMES = ("P", "Q", "R")
FIRST_OFFER = {"P": 7000, "Q": 8000, "R": 9000}
LANDING = "https://clean.landing.sandbox.test/"
FAULTS: tuple[dict[str, Any], ...] = (
    {"type": "commit_then_drop"}, {"type": "drop"}, {"type": "reset"}, {"type": "garbage"}, {"type": "html"},
    {"type": "truncate"}, {"type": "empty"}, {"type": "status", "status": 500}, {"type": "status", "status": 503},
    {"type": "retry_after", "seconds": 7},
)  # fmt: skip
LISTED = ["SOCIAL_ENGINEERING"]
CLEAN = "clean.canary.sandbox.test"
CANARIES = ("canary-ok.sandbox.test", "canary-two.sandbox.test")

_FOLLOWED = """
select distinct l.name from switch_step t join domain_switch s on s.id = t.switch_id
join tracking_domain_pipeline l on l.id = s.pipeline_id
where t.state = 'running' and t.step in ('voluum', 'affise') order by 1
"""


def hosts(name: str) -> list[str]:
    """The domains of a pipeline, in order."""
    return [f"{name.lower()}{place}.sandbox.test" for place in range(1, 5)]


class History:
    """Three pipelines with campaigns and offers; `truth` is when a host was bad, and how."""

    def __init__(self, theatre: Theatre) -> None:
        self.theatre, self.sandbox, self.random = theatre, theatre.sandbox, theatre.random
        self.truth: dict[tuple[str, str], list[list[datetime | None]]] = {}
        self.touched = theatre.touched
        theatre.intruder = lambda: self._try(History.anna_is_faster)
        self.lied = self.slandered = False
        self.paused: set[str] = set()
        self._spare = 0
        for place, name in enumerate(NAMES):
            self._furnish(name, all_in=place == 0)
        execute("insert into pipeline_destination (pipeline_id, url, source) "
                "select id, %s, 'operator' from tracking_domain_pipeline", (LANDING,))  # fmt: skip

    def _furnish(self, name: str, *, all_in: bool) -> None:
        chance, first = self.random.random, hosts(name)[0]
        pipeline(name, *hosts(name)[: self.random.randrange(2, 5)], return_to_work=chance() < 0.5,
                 with_update_voluum=all_in or chance() < 0.7, with_update_affise=all_in or chance() < 0.7,
                 mode=Mode.AUTO if all_in else self.random.choice([Mode.AUTO, Mode.AUTO, *Mode]))  # fmt: skip
        for number in range(self.random.randrange(1, 4)):
            self.sandbox.edit("voluum", f"{name}{number}", preferredTrackingDomain=first)
            urls = {"url": f"https://{first}/c?x={number}&clickid={{clickid}}", "trafficback_url": f"https://{first}/t"}
            self.sandbox.edit("affise", str(FIRST_OFFER[name] + number), status="active", preview_url="", landings=[],
                              cross_postback_url="", **urls)  # fmt: skip

    def happen(self) -> str:
        """One thing, and its name."""
        return self._try(self.random.choice(DEEDS))

    def _try(self, deed: Callable[[History], None]) -> str:
        try:
            deed(self)
        except Refused:
            return f"{deed.__name__} (refused)"
        return deed.__name__

    def heal(self) -> None:
        """Whatever is disturbed is well again; what is listed stays so, and a refused key is tried again in 5 min."""
        self.paused = {row[0] for row in fetch("select service from integration_pause")}
        self.sandbox.control("DELETE", "faults")
        self.resolvers_speak_the_truth()
        self.the_provider_is_right()
        self.canary_sings()

    def _which(self) -> str:
        return self.random.choice(NAMES)

    def _active(self, name: str) -> str | None:
        line = pipelines.get(name)
        return line.active.name if line.active else None

    def _bad(self, host: str, kind: str) -> bool:
        spans = self.truth.get((host, kind))
        return bool(spans and spans[-1][1] is None)

    def _turn(self, host: str, kind: str, *, bad: bool) -> None:
        if bad is self._bad(host, kind):
            return
        if bad:
            self.truth.setdefault((host, kind), []).append([now(), None])
        else:
            self.truth[host, kind][-1][1] = now()
        facts: dict[str, Any] = {"listed": LISTED if bad or self.slandered else None}
        if kind == "dns":
            facts = {"dns": "nx" if bad or self.lied else None}
        self.sandbox.host(host, **facts)

    def somebody_is_listed(self) -> None:
        name = self._which()
        self._turn(self._active(name) or hosts(name)[0], "gsb", bad=True)

    def a_spare_is_listed(self) -> None:
        self._turn(self.random.choice(hosts(self._which())), "gsb", bad=True)

    def a_name_is_dead(self) -> None:
        name = self._which()
        self._turn(self._active(name) or hosts(name)[0], "dns", bad=True)

    def something_is_fine_again(self) -> None:
        bad = [key for key in self.truth if self._bad(*key)]
        for host, kind in bad and [self.random.choice(bad)]:
            self._turn(host, kind, bad=False)

    def a_service_stumbles(self) -> None:
        service = self.random.choice(("voluum", "voluum", "affise", "affise", "telegram", "gsb"))
        action, path = self.random.choice(FAULTS), self.random.choice(("*", "*/offer*", "*/campaign*"))
        match = {"method": "*", "path": path if service in ("voluum", "affise") else "*"}
        self.sandbox.fault(service, action, match=match, times=self.random.randrange(1, 6))

    def a_service_is_down(self) -> None:
        service = self.random.choice(("voluum", "affise", "telegram", "gsb"))
        self.sandbox.fault(service, {"type": "status", "status": 503})

    def a_service_hangs(self) -> None:
        if self.random.random() < 0.1:  # it takes real seconds
            self.sandbox.fault(self.random.choice(("voluum", "affise")), {"type": "hang"}, times=1)

    def a_key_is_refused_once(self) -> None:
        service = self.random.choice(("voluum", "affise"))
        self.sandbox.fault(service, {"type": "status", "status": 401}, times=self.random.randrange(1, 3))

    def services_recover(self) -> None:
        self.heal()

    def resolvers_lie(self) -> None:
        """To us, not to visitors: the canary must find that out."""
        self.lied = True
        for host in (*CANARIES, *(host for name in NAMES for host in hosts(name))):
            self.sandbox.host(host, dns="nx")

    def resolvers_speak_the_truth(self) -> None:
        self.lied = False
        for host in (*(host for name in NAMES for host in hosts(name)), *CANARIES):
            self.sandbox.host(host, dns="nx" if self._bad(host, "dns") else None)

    def the_provider_lists_everything(self) -> None:
        """Even what is never listed, so it is not to be believed."""
        self.slandered = True
        for host in (CLEAN, *(host for name in NAMES for host in hosts(name))):
            self.sandbox.host(host, listed=LISTED)

    def the_provider_is_right(self) -> None:
        self.slandered = False
        for host in (*(host for name in NAMES for host in hosts(name)), CLEAN):
            self.sandbox.host(host, listed=LISTED if self._bad(host, "gsb") else None)

    def the_canary_is_silent(self) -> None:
        self.sandbox.host("malware.canary.sandbox.test", listed=[])

    def canary_sings(self) -> None:
        self.sandbox.host("malware.canary.sandbox.test", listed=None)

    def a_stranger_moves_a_campaign(self) -> None:
        name = self._which()
        self.touched.add(f"{name}0")
        host = self.random.choice((*hosts(name), "elsewhere.example.test"))
        self.sandbox.edit("voluum", f"{name}0", preferredTrackingDomain=host)

    def a_stranger_moves_an_offer(self) -> None:
        number = str(FIRST_OFFER[self._which()])
        self.touched.add(number)
        self.sandbox.edit("affise", number, url=f"https://{self.random.choice(hosts(self._which()))}/c?k={{clickid}}")

    def a_stranger_writes_in_between(self) -> None:
        tags = [str(self.random.random())]
        self.sandbox.edit_later("voluum", f"{self._which()}0", "between_get_and_put", tags=tags)

    def anna_switches(self) -> None:
        persons.switch(self._which(), ANNA, "because", block=self.random.random() < 0.5)

    def anna_is_faster(self) -> None:
        """Than the worker that is following her last switch, or a check's."""
        names = [name for (name,) in fetch(_FOLLOWED)] or [self._which()]
        persons.switch(self.random.choice(names), ANNA, "no, wait", block=self.random.random() < 0.5)

    def anna_takes_back(self) -> None:
        newest = fetch("select max(id) from domain_switch")[0][0]
        with db.atomic():
            steps.follow(undo.undo(newest, ANNA))

    def anna_holds(self) -> None:
        holds.hold(self._which(), "wait", ANNA)

    def anna_holds_all(self) -> None:
        holds.hold_all("wait", ANNA)

    def anna_releases(self) -> None:
        for name in NAMES:
            if pipelines.get(name).pipeline.held_at:
                persons.release(name, ANNA)
        persons.release_all(ANNA)

    def anna_changes_the_mode(self) -> None:
        holds.mode(self._which(), self.random.choice(list(Mode)), ANNA)

    def anna_unblocks(self) -> None:
        spares.unblock_by_hand(self.random.choice(hosts(self._which())), "fine", ANNA, force=self.random.random() < 0.5)

    def anna_returns_one(self) -> None:
        name = self._which()
        persons.put_back(name, self.random.choice(hosts(name)), "fine", ANNA)

    def anna_adds_a_spare(self) -> None:
        name, self._spare = self._which(), self._spare + 1
        persons.extend(name, [f"{name.lower()}x{self._spare}.sandbox.test"], ANNA, Settings())

    def anna_presses(self) -> None:
        for (number,) in fetch("select id from switch_proposal where decision is null order by id desc limit 1"):
            act = persons.accept_proposal if self.random.random() < 0.7 else persons.ignore_proposal
            act(int(number), ANNA)

    def the_clock_is_put_right(self) -> None:
        self.theatre.shift(-self.random.choice((0.5, 3.0, 20.0)))


DEEDS: tuple[Callable[[History], None], ...] = (
    *(History.somebody_is_listed,) * 4, History.a_spare_is_listed, *(History.a_name_is_dead,) * 2,
    *(History.something_is_fine_again,) * 2, *(History.a_service_stumbles,) * 4, History.a_service_is_down,
    History.a_service_hangs, History.a_key_is_refused_once, *(History.services_recover,) * 2,
    *(History.resolvers_lie,) * 2, *(History.the_provider_lists_everything,) * 2,
    History.the_canary_is_silent, History.a_stranger_moves_a_campaign, History.a_stranger_moves_an_offer,
    *(History.a_stranger_writes_in_between,) * 2, *(History.anna_switches,) * 3, *(History.anna_takes_back,) * 2,
    History.anna_holds, History.anna_holds_all, *(History.anna_releases,) * 2, History.anna_changes_the_mode,
    History.anna_unblocks, History.anna_returns_one, History.anna_adds_a_spare, *(History.anna_presses,) * 2,
    History.the_clock_is_put_right,
)  # fmt: skip
