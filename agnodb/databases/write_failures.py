"""What leaves a flat method that failed: an error that tells no secrets, and for a write a report of it.

agno swallows the errors of many writes, and prints them with their causes: `traceback.print_exc()`. What a driver says
may hold a host, a user or a value, so an error's cause is not shown; it stays its `__context__`, and its text `detail`.
Each method that writes is logged when it fails, and `on_write_failed` is called, before it raises. It is taken for one
that writes unless its name says that it reads.
"""

from __future__ import annotations

import functools
import inspect
import logging
import traceback
from collections.abc import Callable, Coroutine, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from agnodb.errors import AgnoDbError
from agnodb.logs import fields, named
from agnodb.policies import WriteFailure

P = ParamSpec("P")
T = TypeVar("T")

READS = ("get_", "list_", "search_")

log = logging.getLogger(__name__)

# Whoever is inside a write, or inside the hook, gets the error and needs no report: a method that calls another one
# is reported once, and a hook that writes to the database that has just failed does not call itself for ever.
_inside: ContextVar[bool] = ContextVar("agnodb_inside_write", default=False)


def safeguard(mixin: type) -> None:
    """Have every public coroutine method that `mixin` defines fail as this module says."""
    for name, method in list(vars(mixin).items()):
        if inspect.iscoroutinefunction(method) and not name.startswith("_"):
            setattr(mixin, name, _safe(method) if name.startswith(READS) else _reported(method))


def _safe(method: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    @functools.wraps(method)
    async def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await method(*args, **kwargs)
        except AgnoDbError as error:
            raise error from None

    return call


def _reported(method: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    signature = inspect.signature(method)

    @functools.wraps(method)
    async def write(*args: P.args, **kwargs: P.kwargs) -> T:
        outermost = not _inside.get()
        if outermost:
            _inside.set(True)
        try:
            return await method(*args, **kwargs)
        except Exception as error:
            if isinstance(error, AgnoDbError):
                error.__cause__, error.__suppress_context__ = None, True
            if outermost:
                database, arguments = _by_name(signature, args, kwargs)
                await _report(database, WriteFailure(method.__name__, arguments, error))
            raise
        finally:
            # Not by a token: a coroutine that nobody awaits to its end is closed in another context.
            if outermost:
                _inside.set(False)

    return write


def _by_name(signature: inspect.Signature, args: Any, kwargs: Any) -> tuple[Any, Mapping[str, Any]]:
    """The method's object, and the arguments under the names of its parameters. Raises TypeError where it must."""
    bound = signature.bind(*args, **kwargs)
    arguments = dict(bound.arguments)
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            arguments |= arguments.pop(parameter.name, {})
    return arguments.pop("self"), arguments


async def _report(database: Any, failure: WriteFailure) -> None:
    """Log `failure` and call the hook. Raises nothing but what ends the caller's task."""
    method, error = failure.method, failure.error
    log.error("%s was not done: %s", method, named(error), extra=fields("write_failed", error, method=method))
    hook = database._on_write_failed
    if hook is None:
        return
    try:
        answer = hook(failure)
        if inspect.isawaitable(answer):
            await answer
    except Exception as failed:  # whatever it is: the error of the write is the one to raise
        told = fields("hook_failed", failed, method=method, where=_where(failed))
        log.error("on_write_failed failed for %s: %s", method, named(failed), extra=told)


def _where(error: BaseException) -> str | None:
    """The line that raised `error`. Its text is the application's, and may hold anything."""
    frames = traceback.extract_tb(error.__traceback__)[-1:]
    return next((f"{frame.name} ({Path(frame.filename).name}:{frame.lineno})" for frame in frames), None)
