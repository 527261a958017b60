"""What an application may decide about its data: who must say who they are, and what happens to conflicts and failures.

These are arguments of every database's constructor, of the same names.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from agnodb.errors import ConfigurationError

OnConflict = Literal["last_write_wins", "raise"]

_PLAIN = "on_write_failed of a sync database must be a plain function."

SESSION_METRICS = "session_data.session_metrics"
"""Where agno sums up the tokens and the cost of a session."""


@dataclass(frozen=True, slots=True)
class WriteFailure:
    """A write that was not done: what `on_write_failed` is given.

    `getattr(db, failure.method)(**failure.arguments)` does it again. `arguments` has the caller's own objects, by the
    names of the method's parameters: agno may change them later, so copy what is to be kept as it is. Where the
    connection was lost on the way (`error.facts["maybe_done"]`) the write may have been done all the same: to repeat it
    is harmless for the methods that upsert, set or delete, and raises DuplicateKeyError for those that create.
    """

    method: str
    arguments: Mapping[str, Any] = field(repr=False)
    error: Exception
    """What the method raises; of agnodb's errors unless an argument is not what it should be."""


OnWriteFailed = Callable[[WriteFailure], Awaitable[None] | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Policies:
    """The policies of one database. Raises ConfigurationError for a value that cannot be."""

    strict_owner: bool = False
    """Refuse `user_id=None` wherever a method takes a `user_id`, or a row has one: OwnershipError, before any
    statement is run. Methods that have no way to say a user (`get_run(run_id)`) stay as they are; which these are, and
    what of agno needs None, says `agnodb.contracts.strict_owner`."""
    on_conflict: OnConflict = "last_write_wins"
    """What becomes of a value in a session's state that two writers have changed since it was read:
    ``last_write_wins`` keeps that of the one who saves last; ``raise`` raises StaleVersionError to them (its
    ``facts["path"]`` is the value), and nothing of their save is stored, counts included. agno swallows it: the run is
    COMPLETED, and only `on_write_failed` sees it."""
    counters: Sequence[str] = (SESSION_METRICS,)
    """Paths, like ``session_data.session_state.visits``, whose numbers are added up, those inside included. agno's
    ``session_data.session_metrics`` always is one of them."""
    on_write_failed: OnWriteFailed | None = None
    """Called with a `WriteFailure` for each flat method that could not write, whatever the reason, before it raises:
    agno swallows some of these errors. It may be a coroutine function where the database is asynchronous, and the
    method waits for it. What it raises itself is logged. What it writes, and what tasks that it starts write, is not
    reported to it again: they get the error. It is not called inside `db.transaction()`, whose block gets the error,
    nor for a call that is cancelled, nor by repositories (`db.sessions`), whose errors nobody swallows."""

    media: Any = None
    """An `agnodb.media.ObjectStorage` (or AsyncObjectStorage), the one that agents have as `media_storage`: deleting
    runs and sessions gives up what they have uploaded and no other run refers to. In `db.transaction()` that is after
    its commit; in one that joins an application's session it is left to `agnodb media sweep`."""

    def __post_init__(self) -> None:
        if self.media is not None and not hasattr(self.media, "awaiting"):
            raise ConfigurationError("media is an ObjectStorage of agnodb.media.")
        if not isinstance(self.strict_owner, bool):
            raise ConfigurationError("strict_owner is True or False.")
        if self.on_conflict not in ("last_write_wins", "raise"):
            raise ConfigurationError("on_conflict is 'last_write_wins' or 'raise'.")
        if isinstance(self.counters, str) or not all(_is_path(path) for path in self.counters):
            raise ConfigurationError("counters are paths that begin with session_data or metadata, joined by dots.")
        object.__setattr__(self, "counters", tuple(dict.fromkeys((SESSION_METRICS, *self.counters))))
        if self.on_write_failed is not None and not callable(self.on_write_failed):
            raise ConfigurationError("on_write_failed is a function of one argument, a WriteFailure.")

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The names of the arguments."""
        return tuple(f.name for f in fields(cls))

    def given(self) -> dict[str, Any]:
        """The arguments that are not the default and can be stored, as plain JSON values."""
        stored: dict[str, Any] = {}
        if self.strict_owner:
            stored["strict_owner"] = True
        if self.on_conflict != "last_write_wins":
            stored["on_conflict"] = self.on_conflict
        if self.counters != (SESSION_METRICS,):
            stored["counters"] = list(self.counters)
        return stored

    def need_no_loop(self) -> Policies:
        """These policies for a sync database, which refuses whatever awaitable `on_write_failed` returns.

        Raises ConfigurationError for one that is a coroutine function.
        """
        hook, media = self.on_write_failed, None if self.media is None else _Blocking(self.media)
        if hook is None:
            return replace(self, media=media)
        if inspect.iscoroutinefunction(hook) or inspect.iscoroutinefunction(type(hook).__call__):
            raise ConfigurationError(_PLAIN)
        return replace(self, on_write_failed=_plain(hook), media=media)


class _Blocking:
    """Media whose coroutines never suspend."""

    def __init__(self, media: Any) -> None:
        self._media = media

    def awaiting(self) -> Any:
        return self._media.blocking()


def _plain(hook: OnWriteFailed) -> OnWriteFailed:
    def call(failure: WriteFailure) -> None:
        answer = hook(failure)
        if inspect.isawaitable(answer):
            if inspect.iscoroutine(answer):
                answer.close()
            raise ConfigurationError(_PLAIN)

    return call


def _is_path(path: Any) -> bool:
    return isinstance(path, str) and all(path.split(".")) and path.split(".")[0] in ("session_data", "metadata")


DEFAULT_POLICIES = Policies()
