"""The number that tells redirect processes to reload."""

from __future__ import annotations

from typing import Any

from models import link_version
from models.database import db
from tests.web.rows import world


def test_a_bump_counts_on(database: Any) -> None:
    before = link_version.current()
    link_version.bump()
    assert link_version.current() == before + 1


def test_a_bump_that_is_rolled_back_never_was(database: Any) -> None:
    before = link_version.current()
    with db.atomic() as transaction:
        link_version.bump()
        transaction.rollback()
    assert link_version.current() == before


def test_loading_and_looking_up_give_the_same_rows(database: Any) -> None:
    offer_id, informer_id = world(settings={"utm": True, "translit": False})
    offers, informers = link_version.load()
    assert offers == [link_version.find_offer(offer_id)]
    assert informers == [link_version.find_informer(informer_id)]
    assert offers[0].settings == {"utm": True, "translit": False}


def test_what_does_not_exist_is_none(database: Any) -> None:
    assert (link_version.find_offer(404), link_version.find_informer(404)) == (None, None)
