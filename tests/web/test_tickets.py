"""How clicks are cut into groups."""

from __future__ import annotations

from web.tickets import GROUP_BYTES, GROUP_CLICKS, Path, Ticket, fitting, take_group


def test_a_group_holds_at_most_500_clicks() -> None:
    waiting = [Ticket(b"{}") for _ in range(620)]
    assert [len(take_group(waiting)), len(take_group(waiting)), len(waiting)] == [GROUP_CLICKS, 120, 0]


def test_a_group_stays_below_half_a_mebibyte() -> None:
    bodies = [b"x" * 20_000] * 100
    assert sum(map(len, bodies[: fitting(bodies)])) <= GROUP_BYTES < sum(map(len, bodies[: fitting(bodies) + 1]))


def test_a_click_too_large_for_any_group_travels_alone() -> None:
    assert fitting([b"x" * (GROUP_BYTES + 1), b"y"]) == 1


def test_nothing_waiting_makes_an_empty_group() -> None:
    assert take_group([]) == []


def test_a_settled_ticket_lets_its_request_go_on() -> None:
    ticket = Ticket(b"{}")
    ticket.settle(Path.QUEUE)
    assert ticket.wait(0)
    assert ticket.path is Path.QUEUE


def test_a_ticket_that_nobody_settles_does_not_hold_its_request() -> None:
    assert not Ticket(b"{}").wait(0.001)
