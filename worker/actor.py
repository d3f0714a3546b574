"""The `actor` decorator: a function becomes the task of the same name, with everything the catalog says about it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import dramatiq
from dramatiq import Broker, Message
from dramatiq.middleware import CurrentMessage

from config import catalog
from config.catalog import Task, UnknownTask
from config.clock import now
from config.ids import new_id
from worker.failures import PERMANENT, BadMessage

P = ParamSpec("P")
R = TypeVar("R")

ACTORS: dict[str, AppActor[..., Any]] = {}
_current: list[Broker] = []
STOPPABLE_SECONDS = 20


class NoBroker(RuntimeError):
    """A message was sent before `make_broker` was called."""


class AppActor(dramatiq.Actor[P, R]):
    """A task's function. Called, it runs here and now; delivered by a worker, it runs with all the catalog asks for."""

    def __init__(self, fn: Callable[P, R], task: Task) -> None:
        # not the library's own: that one needs a broker at import
        self.fn = fn
        self.task = task
        self.actor_name = task.name
        self.queue_name = task.queue
        self.priority = 0
        self.options = _options(task)
        self._signature = inspect.signature(fn)
        kinds = {parameter.kind for parameter in self._signature.parameters.values()}
        self._takes_any = inspect.Parameter.VAR_KEYWORD in kinds
        self._names = self._signature.parameters.keys()
        self.__doc__ = fn.__doc__
        self.__name__ = task.name

    @property
    def broker(self) -> Broker:  # type: ignore[override]
        """Where its messages go; raises NoBroker."""
        if not _current:
            raise NoBroker(f"{self.actor_name} was sent before make_broker was called")
        return _current[-1]

    def message_with_options(
        self, *, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None, **options: Any
    ) -> Message[R]:
        """A message with options such as `dedupe_key` (one that waits is enough) and `fair_key` (bulk)."""
        return Message(
            queue_name=self.queue_name,
            actor_name=self.actor_name,
            args=args,
            kwargs=kwargs or {},
            options={name: value for name, value in options.items() if value is not None},
            message_id=str(new_id()),
            message_timestamp=int(now().timestamp() * 1000),
        )

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The function's value; None when a worker delivered the message, which it has no use for."""
        message = self._delivered()
        if message is None:
            return self.fn(*args, **kwargs)
        from worker.runs import deliver

        deliver(self, message, args, kwargs)
        return None  # type: ignore[return-value]

    def _delivered(self) -> Any:
        """The message that this call is the delivery of; None for a call by other code, also from within a run."""
        message: Any = CurrentMessage.get_current_message()
        if message is None or message.actor_name != self.actor_name or getattr(message, "entered", False):
            return None
        message.entered = True
        return message

    def fitting(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The named arguments this function knows, because newer senders may add some; BadMessage if any is missing."""
        if not args and kwargs.keys() == self._names:
            return kwargs
        known = self._signature.parameters
        fit = kwargs if self._takes_any else {name: value for name, value in kwargs.items() if name in known}
        try:
            self._signature.bind(*args, **fit)
        except TypeError as error:
            raise BadMessage(str(error)) from None
        return fit


def actor(fn: Callable[P, R]) -> AppActor[P, R]:
    """Declare the task named like this function; raises UnknownTask at import when the catalog has no such row."""
    task = catalog.TASKS.get(fn.__name__)
    if task is None:
        raise UnknownTask(f"{fn.__module__}.{fn.__name__} has no row in config/catalog.py")
    if task.name in ACTORS:
        raise ValueError(f"the task {task.name} has two actors: {fn.__module__} and {ACTORS[task.name].fn.__module__}")
    made = AppActor(fn, task)
    ACTORS[task.name] = made
    if _current:
        _current[-1].declare_actor(made)
    return made


def bind(broker: Broker) -> None:
    """Make this the broker of all actors, those included that are imported later."""
    _current[:] = [broker]
    for each in ACTORS.values():
        broker.declare_actor(each)


def is_bound() -> bool:
    """Whether this process has a broker to send messages to."""
    return bool(_current)


def _options(task: Task) -> dict[str, Any]:
    return {
        "max_retries": task.retry.times,
        "min_backoff": int(task.retry.first * 1000),
        "max_backoff": int(task.retry.last * 1000),
        "time_limit": task.seconds * 1000,
        "notify_shutdown": task.seconds > STOPPABLE_SECONDS,
        "throws": PERMANENT,
    }
