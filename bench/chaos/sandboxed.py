"""AdLoad played by the sandbox, whose ledger is the witness for what the advertiser was charged."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from bench.chaos.run import Trial
from bench.outside import free_port
from bench.system import System

_COUNTED = """
select cast(click_id as text), advertiser_cost from click where state = 'done' and is_unique and not is_social
"""
_DROP = {"service": "adload", "match": {"path": "/clicks"}, "action": {"type": "commit_then_drop"}, "probability": 0.02}


def variables(folder: Path) -> dict[str, str]:
    """Settings of a run with AdLoad elsewhere."""
    return {"ADLOAD_DRIVER": "http", "ADLOAD_URL": f"http://127.0.0.1:{free_port()}/adload"}


def start(trial: Trial, system: System) -> None:
    """Start the sandbox; a few of its answers are lost after the charge, which must not make another charge."""
    system.start("sandbox", "sandbox", "--port", str(urlsplit(_url(trial)).port))
    system.wait_for_http("sandbox", f"{_url(trial)}/_sandbox/clock")
    _post(trial, "edit", {"service": "adload", "id": "settings", "set": {"triggers": False}})
    if trial.size.heal >= LOST_ANSWERS_HEAL:
        _post(trial, "faults", _DROP)


LOST_ANSWERS_HEAL = 240
"""A lost answer is asked for again minutes later, so the fault needs a run that waits that long."""


def compare(trial: Trial) -> None:
    """Note every click that was not charged exactly once, or at another amount than is stored."""
    ledger = _ledger(trial)
    counted = {click_id: int(cost) for click_id, cost in trial.ground.query(_COUNTED)}
    charges = Counter(line["click_id"] for line in ledger)
    costs = {line["click_id"]: line["cost_micros"] for line in ledger}
    trial.notes["adload"] = {"charges": len(ledger), "counted": len(counted)}
    trial.violated["I3 counted without charge"] = sorted(set(counted) - set(charges))
    trial.violated["I3 charged twice"] = sorted(click_id for click_id, times in charges.items() if times > 1)
    trial.violated["I3 charged without count"] = sorted(set(charges) - set(counted))
    trial.violated["I3 charged another amount"] = sorted(
        click_id for click_id in set(counted) & set(costs) if counted[click_id] != costs[click_id]
    )


def _ledger(trial: Trial) -> list[dict[str, Any]]:
    answer = requests.get(f"{_url(trial)}/_sandbox/adload/ledger", timeout=30)
    answer.raise_for_status()
    charges: list[dict[str, Any]] = answer.json()["charges"]
    return charges


def _post(trial: Trial, call: str, body: dict[str, Any]) -> None:
    requests.post(f"{_url(trial)}/_sandbox/{call}", json=body, timeout=5).raise_for_status()


def _url(trial: Trial) -> str:
    return trial.ground.variables["ADLOAD_URL"].removesuffix("/adload")
