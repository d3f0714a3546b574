"""L2: an exception that is raised in a thread at any moment."""

from __future__ import annotations

import random
import threading
from typing import Any

import dramatiq
from dramatiq import Middleware
from dramatiq.middleware import Retries, TimeLimit, TimeLimitExceeded

from config.clock import monotonic
from tests.eventually import eventually
from tests.runtime.conftest import QUEUE, Stage
from tests.runtime.stock import stock_broker, stock_worker
from worker.interrupts import Interrupts

THREADS = 4
FIRINGS = 1000


def test_l2_a_thousand_interrupts_at_random_moments_never_hit_the_code_around_the_run() -> None:
    interrupts = Interrupts(interval=0.0005)
    fired: list[int] = []
    escaped: list[BaseException] = []

    def work(dice: random.Random) -> None:
        while len(fired) < FIRINGS and not escaped:
            try:
                interrupts.run(0.002, False, lambda: _spin(dice.uniform(0.001, 0.004)))
            except TimeLimitExceeded:
                fired.append(1)
            _spin(0.0005)

    def guarded(seed: int) -> None:
        try:
            work(random.Random(seed))
        except BaseException as error:  # noqa: BLE001  whatever arrives here has escaped
            escaped.append(error)

    threads = [threading.Thread(target=guarded, args=(seed,)) for seed in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(240)
    assert escaped == []
    assert len(fired) >= FIRINGS


def test_l2_a_task_over_its_limit_is_given_up_and_its_thread_lives_on(stage: Stage) -> None:
    def linger() -> None:
        _spin(30)

    task = stage.task(linger, seconds=1)
    worker = stage.work(threads=2)

    task.send()

    (letter,) = eventually(stage.dead)
    assert letter.error.startswith("TimeLimitExceeded")
    assert all(thread.is_alive() for thread in worker.workers)


def test_l2_a_slow_hook_after_a_run_is_not_interrupted(stage: Stage) -> None:
    done = threading.Event()
    stage.broker.add_middleware(SlowHook(1.5))

    def quick() -> None:
        done.set()

    task = stage.task(quick, seconds=1)
    worker = stage.work(threads=1)
    task.send()

    assert done.wait(60)
    eventually(lambda: stage.counts() == (0, 0, 0))
    assert worker.workers[0].is_alive()


def test_l2_the_stock_limit_kills_the_thread_in_a_slow_hook(rabbitmq_url: str) -> None:
    limit = TimeLimit(time_limit=2000, interval=50)
    with stock_broker(rabbitmq_url, limit, Retries(), SlowHook(30)) as broker:

        @dramatiq.actor(broker=broker, queue_name=QUEUE)
        def fail() -> None:
            raise RuntimeError

        broker.emit_after("process_boot")
        fail.send()
        hook, threading.excepthook = threading.excepthook, lambda _: None
        with stock_worker(broker, threads=1) as worker:
            eventually(lambda: not worker.workers[0].is_alive())
        threading.excepthook = hook
        assert broker.get_queue_message_counts(QUEUE) == (0, 0, 0), "neither retried nor dead: lost"


class SlowHook(Middleware):
    """Takes its time after each run, as a hook that writes somewhere may."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def after_process_message(
        self, broker: Any, message: Any, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        _spin(self._seconds)


def _spin(seconds: float) -> None:
    """Stay in Python code, where an interrupt can arrive at any instruction."""
    until = monotonic() + seconds
    while monotonic() < until:
        pass
