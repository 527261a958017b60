"""An application's own tables beside agnodb's: its rows and the agents' are stored together, or not at all."""

import asyncio

from place import open_database
from sqlalchemy import select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from agnodb.records.sessions import SessionRecord


class Base(DeclarativeBase):
    """The application's models; its migrations are its own."""


class Order(Base):
    """A row of the application."""

    __tablename__ = "shop_orders"

    id: Mapped[str] = mapped_column(primary_key=True)
    session_id: Mapped[str]


async def order(db: object, number: str, *, fails: bool = False) -> None:
    """An order and the conversation it came from, in one transaction of the application's session."""
    async with db.async_session_factory() as session, session.begin():
        async with db.transaction(session=session) as tx:
            await tx.sessions.upsert(SessionRecord(session_id=f"chat {number}", session_type="agent", user_id="alice"))
        session.add(Order(id=number, session_id=f"chat {number}"))
        if fails:
            raise ValueError("the shop is closed")


async def main() -> None:
    """One order that is stored, one that fails in the end."""
    async with open_database() as db:
        async with db.db_engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        await order(db, "A-1")
        try:
            await order(db, "A-2", fails=True)
        except ValueError as error:
            print(f"A-2: {error}")
        async with db.async_session_factory() as session:
            orders = (await session.scalars(select(Order.id))).all()
        sessions = [chat.session_id for chat in await db.get_sessions()]
        print(f"orders {orders}, sessions {sessions}")


if __name__ == "__main__":
    asyncio.run(main())
