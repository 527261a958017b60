"""The policy `strict_owner`: a call that could say which user it is for, and does not, is refused.

That is every method with a parameter `user_id` (or `previous_user_id`), and every one that stores a record which has
a `user_id`: OwnershipError, before any statement of it is run. Flat methods reach rows through repositories only, so
it holds for them as well, and inside transactions. (`get_metrics` computes what is everybody's first.)

Methods that have no way to say a user stay as they are. They go by the key of a row or of a session, which the
application has found for a user before (`runs.get`, `runs.of_session`, `traces.get`, `spans`, `approvals.update`,
`learnings.delete`), or are for all users at once (`memories.clear`, `schedules.claim_due`, `metrics.refresh`, the
versions of the schema). `agnodb.testing.conformance.owners.OWNERLESS` is the list, with reasons.

agno calls without a user where nobody said one: an agent that runs without `user_id`, AgentOS without
authentication or for its administrators, its scheduler's list of schedules, learnings that all users share, new
evaluation runs, which cannot say a user. Under this policy those calls fail.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from agnodb.errors import OwnershipError
from agnodb.policies import Policies


class StrictOwner:
    """Base of the repositories: every public coroutine method of a subclass asks for the user, before it does anything.

    Where a repository calls a method of its own for a row of any user, it calls one that takes no user. Those of a
    class that is made with `asks=False` are of use to repositories only, and do not ask.
    """

    policies: Policies

    def __init_subclass__(cls, *, asks: bool = True, **given: Any) -> None:
        super().__init_subclass__(**given)
        if not asks:
            return
        for name, method in list(vars(cls).items()):
            if inspect.iscoroutinefunction(method) and not name.startswith("_"):
                setattr(cls, name, _asking(method))


def _asking(method: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Coroutine[Any, Any, Any]]:
    signature = inspect.signature(method)

    @functools.wraps(method)
    async def asking(self: StrictOwner, *args: Any, **kwargs: Any) -> Any:
        if self.policies.strict_owner:
            given = signature.bind(self, *args, **kwargs)
            given.apply_defaults()
            if _for_nobody(given.arguments):
                raise OwnershipError(
                    "This database takes no call that does not say its user.", detail=method.__qualname__
                )
        return await method(self, *args, **kwargs)

    return asking


def _for_nobody(arguments: Mapping[str, Any]) -> bool:
    return any(
        value is None if name.endswith("user_id") else any(getattr(one, "user_id", "") is None for one in _each(value))
        for name, value in arguments.items()
    )


def _each(value: Any) -> Any:
    return value if isinstance(value, (list, tuple)) else (value,)
