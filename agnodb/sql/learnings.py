"""Learnings in SQL."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Executable,
    Insert,
    Select,
    Text,
    bindparam,
    case,
    cast,
    func,
    or_,
    select,
    union_all,
    update,
)

from agnodb import clock, codec
from agnodb.errors import InvalidValueError, OwnershipError
from agnodb.filters import Page, present
from agnodb.records.learnings import LearningRecord
from agnodb.rules.learnings import Learnings
from agnodb.rules.statistics import USER_CHANGED, USERS
from agnodb.sql.dialects.base import LIKE_ESCAPE
from agnodb.sql.ownership import keep_owner, may_write
from agnodb.sql.repository import SqlRepository
from agnodb.sql.searching import Search, SearchedColumn
from agnodb.text import decode_text

_SEPARATORS = re.compile(r"[\s_\-]+")


def search_patterns(query: str) -> dict[str, list[str]]:
    """LIKE patterns for `query` in the text of a JSON document, none, one, or two, and the literal parts of each.

    Every separator of words matches any one character, so that "sarah chen" finds "sarah_chen". The second pattern
    is for documents of agno on SQLite, which have \\uXXXX in the place of characters beyond ASCII.
    """
    words = [_as_stored(word) for word in _SEPARATORS.split(query) if word]
    forms = [[json.dumps(word, ensure_ascii=ascii_only)[1:-1] for word in words] for ascii_only in (False, True)]
    return {"%" + "_".join(map(_literal, form)) + "%": form for form in forms if form}


def _as_stored(word: str) -> str:
    """The text inside the codec's tag, where the word is one that JSON columns cannot hold."""
    document = json.loads(codec.encode(word))
    return document if isinstance(document, str) else str(document[codec.TAG][1])


def _literal(text: str) -> str:
    return text.replace(LIKE_ESCAPE, LIKE_ESCAPE * 2).replace("%", f"{LIKE_ESCAPE}%")


class SqlLearningRepository(Learnings, SqlRepository[LearningRecord]):
    """See `agnodb.contracts.learnings.LearningRepository`."""

    idempotent = frozenset({"upsert", "update"})

    # -- reads ------------------------------------------------------------------------------------------------

    async def latest(
        self, limit: int | None = None, *, user_id: str | None = None, **filters: str | None
    ) -> list[LearningRecord]:
        return await self._latest(None, limit, {**filters, "user_id": user_id})

    async def search(
        self, query: str, limit: int | None = None, *, user_id: str | None = None, **filters: str | None
    ) -> list[LearningRecord]:
        if not isinstance(query, str):
            raise InvalidValueError("A text is needed here.", detail=repr(type(query)))
        patterns = search_patterns(query)
        search = Search.of(self.dialect, "search", patterns)
        return await self._latest(search, limit, {**filters, "user_id": user_id}) if patterns else []

    async def _latest(
        self, search: Search | None, limit: int | None, filters: Mapping[str, str | None]
    ) -> list[LearningRecord]:
        Page(limit).checked(self.listing)
        given = present(**filters)
        bound = {**self.rows.parameters(given), **(search.parameters if search else {})}
        if limit is not None:
            bound["limit"] = limit
        names, unlimited = sorted(given), limit is None

        def build(*_: Any) -> Executable:
            return (
                self._latest_first(self.equal(names), unlimited)
                if search is None
                else self._found(search, names, unlimited)
            )

        variant = (*names, *(search.binds if search else ()), unlimited)
        return [self.rows.read(row) for row in await self.run("latest", build, bound, *variant)]

    def _latest_first(
        self, where: Iterable[ColumnElement[bool]], unlimited: bool, when: ColumnElement[bool] | None = None
    ) -> Select[Any]:
        """With a limit, none at all unless `when` holds."""
        order = self.order(Page().checked(self.listing))
        statement = select(*self.rows.selected()).where(*where).order_by(*order)
        limit = bindparam("limit", type_=BigInteger())
        return statement if unlimited else statement.limit(limit if when is None else case((when, limit), else_=0))

    def _found(self, search: Search, names: Iterable[str], unlimited: bool) -> Executable:
        """A text that many rows have is found in the first ones of them, by reading rows in their order. (One user has
        few rows.)"""
        content = SearchedColumn(
            self.dialect, self.key, cast(self.table.c.content, Text), self.tables.grams[self.concept]
        )
        by_index = [*self.equal(names), content.found(search)]
        if unlimited or not search.grams or "user_id" in names:
            return self._latest_first(by_index, unlimited)
        in_order = [*self.equal(names), content.matches(search)]
        few = content.few(search)
        ways = [self._latest_first(by_index, False, few), self._latest_first(in_order, False, ~few)]
        found = union_all(*(select(way.subquery()) for way in ways)).subquery("found").c
        changed = func.coalesce(found.updated_at, found.created_at)
        return select(*found).order_by(changed.desc(), found[self.key.name])

    async def user_stats(
        self, page: Page, *, learning_type: str | None = None, user_id: str | None = None
    ) -> tuple[list[dict[str, Any]], int]:
        page = page.checked(USERS)
        filters = present(learning_type=learning_type, user_id=user_id)
        return await self.groups(
            "user_stats",
            lambda *variant: self._users(variant[:-2], *variant[-2:]),
            Page(page.limit, page.page),
            filters,
            lambda row: {"user_id": decode_text(row[0]), USER_CHANGED: row[1]},
            variant=(page.sort_by, page.sort_order),
        )

    def _users(self, names: Sequence[str], sort_by: str, sort_order: str) -> Select[Any]:
        owner, stored = self.table.c.user_id, self.table.c
        last = func.max(func.coalesce(stored.updated_at, stored.created_at))
        order = [owner] if sort_by == "user_id" else [last, owner]
        return (
            select(owner, last.label(USER_CHANGED))
            .where(*self.equal(names), owner.is_not(None))
            .group_by(owner)
            .order_by(*(column.asc() if sort_order == "asc" else column.desc() for column in order))
        )

    # -- writes -----------------------------------------------------------------------------------------------

    async def upsert(self, learning: LearningRecord) -> LearningRecord:
        now = clock.now()
        created_at = now if learning.created_at is None else learning.created_at
        updated_at = now if learning.updated_at is None else learning.updated_at
        values = {**self.rows.values(learning), "created_at": created_at, "updated_at": updated_at}
        stored = await self.first("upsert", self._upsert, {**self.rows.parameters(values), "now": now})
        if stored is None:
            raise OwnershipError(learning_id=learning.learning_id, user_id=learning.user_id)
        return stored

    def _upsert(self) -> Executable:
        values = self.rows.binds(column.name for column in self.rows.columns)
        update = {
            "content": values["content"],
            "metadata": values["metadata"],
            "updated_at": bindparam("now", type_=BigInteger()),
            "user_id": keep_owner(self.table, values["user_id"]),
        }
        owned = may_write(self.table, values["user_id"])
        statement: Insert = self.dialect.upsert(self.table, values, ["learning_id"], update, owned)
        return statement.returning(*self.rows.selected())

    async def update(self, learning_id: str, content: Any, metadata: Any = None) -> bool:
        values = {"learning_id": learning_id, "content": content, "metadata": metadata, "updated_at": clock.now()}
        return bool(await self.run("update", self._update, self.rows.parameters(values)))

    def _update(self) -> Executable:
        bound = self.rows.binds(("learning_id", "content", "metadata", "updated_at"))
        chosen = self.key == bound.pop("learning_id")
        return update(self.table).where(chosen).values(bound).returning(self.key)

    async def delete_of_user(self, user_id: str, *, learning_type: str | None = None) -> int:
        return await self.delete_where(user_id=user_id, **present(learning_type=learning_type))

    # -- pages: after everything that names the type of the same name -----------------------------------------

    async def page(
        self, page: Page, *, include_unowned: bool = False, user_id: str | None = None, **filters: str | None
    ) -> tuple[list[LearningRecord], int]:
        given = present(**filters)
        if not include_unowned or user_id is None:
            return await self.paged(page, {**given, **present(user_id=user_id)})
        owner = self.rows.parameters({"user_id": user_id})
        conditions = {"theirs or unowned": self._theirs_or_unowned}
        return await self.paged(page, given, conditions=conditions, parameters=owner)

    def _theirs_or_unowned(self) -> ColumnElement[bool]:
        return or_(*self.equal(("user_id",)), self.table.c.user_id.is_(None))
