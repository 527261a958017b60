"""Knowledge contents in SQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Executable, String, bindparam, func, or_, select

from agnodb.errors import OwnershipError
from agnodb.filters import Page, present
from agnodb.records.knowledge import KEPT, KnowledgeRecord
from agnodb.rules.values import text_in
from agnodb.sql.repository import SqlRepository


class SqlKnowledgeRepository(SqlRepository[KnowledgeRecord]):
    """See `agnodb.contracts.knowledge.KnowledgeRepository`."""

    concept = "knowledge"
    record = KnowledgeRecord
    idempotent = frozenset({"upsert"})

    async def get(self, id: str, *, user_id: str | None = None) -> KnowledgeRecord | None:
        if user_id is None:
            return await self.find(id=id)
        given = {**self.rows.parameters({"id": id}), "reader": text_in(user_id)}
        return await self.first("get_visible", self._get_visible, given)

    def _get_visible(self) -> Executable:
        return select(*self.rows.selected()).where(*self.equal(("id",)), self._visible())

    async def page(
        self, page: Page, *, linked_to: str | None = None, user_id: str | None = None
    ) -> tuple[list[KnowledgeRecord], int]:
        conditions: dict[str, Callable[[], ColumnElement[bool]]] = {}
        parameters: dict[str, Any] = {}
        if user_id is not None:
            conditions["visible"] = self._visible
            parameters["reader"] = text_in(user_id)
        return await self.paged(page, present(linked_to=linked_to), conditions=conditions, parameters=parameters)

    def _visible(self) -> ColumnElement[bool]:
        owner = self.table.c.user_id
        return or_(owner == bindparam("reader", type_=String()), owner.is_(None))

    async def upsert(self, content: KnowledgeRecord) -> None:
        parameters = self.rows.parameters(self.rows.values(content))
        if not await self.run("upsert", self._upsert, parameters):
            raise OwnershipError(id=content.id, user_id=content.user_id)

    def _upsert(self) -> Executable:
        stored = self.table.c
        values = self.rows.binds(c.name for c in self.rows.columns)
        update = {name: func.coalesce(bind, stored[name]) for name, bind in values.items() if name not in KEPT}
        # Not `may_write`: a content without an owner is shared, so no user may claim it.
        owned = or_(values["user_id"].is_(None), stored.user_id == values["user_id"])
        return self.dialect.upsert(self.table, values, ["id"], update, owned).returning(self.key)

    async def delete(self, id: str, *, user_id: str | None = None) -> bool:
        return await self.delete_where(id=id, **present(user_id=user_id)) > 0
