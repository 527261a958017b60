"""What a database object is to those who copy, store and show it: a handle on a place, not the place itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from agnodb.databases.core import Settings


class Handle:
    """A mixin of the public database classes."""

    if TYPE_CHECKING:

        @classmethod
        def from_dict(cls, data: Mapping[str, Any]) -> Self: ...

    @property
    def _settings(self) -> Settings:
        raise NotImplementedError  # pragma: no cover - every database has its own

    def to_dict(self) -> dict[str, Any]:
        """What is needed to construct this database again, without its password (see `from_dict`)."""
        return self._settings.to_dict()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: Any) -> Self:
        """The same handle: AgentOS deep-copies an agent for every request, and its connections are all one pool."""
        return self

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """A pickle holds what `to_dict()` tells, no password, and is made anew by `from_dict`, which has its rule for
        that. Engines, and what cannot be stored of the policies (`on_write_failed`), do not come along."""
        return _again, (type(self), self.to_dict())

    def __repr__(self) -> str:
        return self._settings.describe(type(self))


def _again(cls: type[Handle], data: Mapping[str, Any]) -> Handle:
    return cls.from_dict(data)
