"""The executor over a MongoDB client, the same for Motor, PyMongo's asynchronous client and its blocking one."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from agnodb.awaiting import settled
from agnodb.errors import AgnoDbError, ConfigurationError, UnavailableError, UnsupportedOperationError
from agnodb.executors.mongo_clients import Clients, ClientState, operations
from agnodb.executors.persisting import Persisting
from agnodb.executors.retries import RETRY_SECONDS, Attempts
from agnodb.mongo.executor import READS, Command, Executor
from agnodb.mongo.failures import translate, was_sent

T = TypeVar("T")

_NO_SAVEPOINTS = "MongoDB has no savepoints."
_BLOCK_FAILED = "A block inside this transaction failed. MongoDB has no savepoints, so all of it is undone."
_ENDED = "This transaction is over: a command of it failed, or its block has ended."


class MongoExecutor(Persisting):
    """Runs each command on its own. See `agnodb.mongo.executor.Executor`.

    The first call makes sure, once, that the collections and their indexes are there (`ensure`).
    """

    final = True

    def __init__(
        self,
        clients: Clients,
        database: str,
        *,
        ensure: Callable[[Any], Awaitable[None]],
        retry_timeout: float = RETRY_SECONDS,
    ) -> None:
        Persisting.__init__(self, retry_timeout)
        self._clients, self._database, self._ensure = clients, database, ensure
        self._ready = self._closed = self._standalone = False
        self.statements = 0
        """The number of commands run so far; one that is run again counts again."""

    @property
    def shapes(self) -> int:
        """As `statements`: what a repository asks for is one command."""
        return self.statements

    def state(self) -> ClientState:
        """The client of this place. Raises ConfigurationError after `close`, WrongLoopError in a wrong loop."""
        if self._closed:
            raise ConfigurationError("This database object is closed.")
        return self._clients.current()

    def database(self, state: ClientState) -> Any:
        """The driver's database object."""
        return state.client[self._database]

    async def ready(self) -> ClientState:
        """The client of this place, with the collections there."""
        return await self.persist(self._booted, idempotent=True)

    async def _booted(self, attempts: Attempts) -> ClientState:
        state = self.state()
        if not self._ready:
            async with state.boot:
                if not self._ready:
                    try:
                        hello = await settled(state.client.admin.command("hello"))
                        self._standalone = "setName" not in hello and hello.get("msg") != "isdbgrid"
                        await self._ensure(self.database(state))
                    except Exception as error:
                        made = translate(error)
                        attempts.sent = bool(made.facts.get("refused"))  # somebody else makes them: there is a server
                        raise made from error
                    self._ready = True
        return state

    async def run(self, command: Command) -> Any:
        async def once(attempts: Attempts) -> Any:
            state = await self._booted(attempts)
            return await self.attempt(state, command, attempts)

        idempotent = command.idempotent or command.method in READS
        return await self.persist(once, idempotent=idempotent, statement=command.name)

    async def attempt(self, state: ClientState, command: Command, attempts: Attempts, session: Any = None) -> Any:
        """What `command` returns, run once, within `session`."""
        self.statements += 1
        collection = self.database(state)[command.collection]
        options = dict(command.options) if session is None else {**command.options, "session": session}
        args = [operations(*command.args)] if command.method == "bulk_write" else command.args
        attempts.sent = True
        try:
            return await self.asked(getattr(collection, command.method), args, options)
        except Exception as error:
            made = translate(error)
            attempts.sent = was_sent(error)
            attempts.lost = attempts.sent and isinstance(made, UnavailableError) and not made.facts.get("refused")
            raise made from error

    @staticmethod
    async def asked(method: Callable[..., Any], args: Sequence[Any], options: Mapping[str, Any]) -> Any:
        """What a method of a driver's collection gives; the documents of a cursor as a list."""
        answer = await settled(method(*args, **options))
        return await settled(answer.to_list(None)) if hasattr(answer, "to_list") else answer

    @staticmethod
    async def committed(session: Any) -> None:
        """Commit the transaction of a driver's session."""
        await settled(session.commit_transaction())

    async def at_door(self, work: Callable[[Any], Awaitable[T]], *, seconds: float | None = None) -> T:
        """What `work(database)` returns, which uses the driver's database object and may be done twice."""

        async def once(_attempts: Attempts) -> T:
            try:
                return await work(self.database(self.state()))
            except Exception as error:
                raise translate(error) from error

        return await self.persist(once, idempotent=True, seconds=seconds)

    # -- transactions -----------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[MongoTransaction]:
        """As the port has it."""
        state = await self.ready()
        if self._standalone:
            raise UnsupportedOperationError("The server has no transactions: they need a replica set.")
        session = await settled(state.client.start_session())
        transaction = MongoTransaction(self, state, session)
        try:
            try:
                yield transaction
            except BaseException:
                await transaction.end(commit=False)
                raise
            await transaction.end(commit=True)
        finally:
            await settled(session.end_session())

    async def repeatable(self, work: Callable[[Executor], Awaitable[T]]) -> T:
        async def once(attempts: Attempts) -> T:
            await self._booted(attempts)
            if self._standalone:
                return await work(self)
            async with self.transaction() as executor:
                attempts.sent = attempts.lost = True  # whatever fails from here on, fails with the transaction
                return await work(executor)

        return await self.persist(once, idempotent=True)

    async def close(self) -> None:
        """Close every client that was made here. A closed executor that is used again raises ConfigurationError."""
        self._closed = True
        await self._clients.close()


class MongoTransaction:
    """Runs commands inside one transaction; see `agnodb.mongo.executor.Executor`."""

    final = False

    def __init__(self, executor: MongoExecutor, state: ClientState, session: Any) -> None:
        self._executor, self._state, self._session = executor, state, session
        self._failure: AgnoDbError | None = None
        self._begun = self._ended = False
        self._ran = 0
        self._one_at_a_time = state.lock()

    async def run(self, command: Command) -> Any:
        async with self._one_at_a_time:
            return await self._run(command)

    async def _run(self, command: Command) -> Any:
        if self._ended or self._failure is not None:
            raise ConfigurationError(_ENDED) from self._failure
        self._ran += 1
        try:
            if self._begun:
                return await self._executor.attempt(self._state, command, Attempts(0), self._session)
            # What fails here has stored nothing, and is made again like a command that is alone.
            first: Any = lambda attempts: self._first(command, attempts)  # noqa: E731
            return await self._executor.persist(first, idempotent=True, statement=command.name)
        except AgnoDbError as error:
            self._failure = error
            raise

    async def _first(self, command: Command, attempts: Attempts) -> Any:
        if self._session.in_transaction:
            await self._undo()
        await settled(self._session.start_transaction())
        answer = await self._executor.attempt(self._state, command, attempts, self._session)
        self._begun = True
        return answer

    async def _undo(self) -> None:
        if self._session.in_transaction:
            with contextlib.suppress(Exception):  # the server has undone it already, or will by itself
                await settled(self._session.abort_transaction())

    async def end(self, *, commit: bool) -> None:
        """Commit, or undo everything. Raises what has failed before, where that was caught."""
        self._ended = True
        async with self._one_at_a_time:  # what still runs beside the block belongs to it
            await self._finish(commit=commit)

    async def _finish(self, *, commit: bool) -> None:
        if not (commit and self._begun and self._failure is None):
            await self._undo()
            if commit and self._failure is not None:
                raise self._failure
            return
        # To commit what is committed already does nothing.
        await self._executor.persist(self._commit, idempotent=True, statement="commit")

    async def _commit(self, attempts: Attempts) -> None:
        attempts.sent = True
        try:
            await self._executor.committed(self._session)
        except Exception as error:
            made = translate(error)
            attempts.lost = isinstance(made, UnavailableError) and not made.facts.get("refused")
            raise made from error

    def savepoint(self) -> contextlib.AbstractAsyncContextManager[MongoTransaction]:
        """There is none: UnsupportedOperationError."""
        raise UnsupportedOperationError(_NO_SAVEPOINTS)

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[MongoTransaction]:
        """A block of this transaction, which ends as a whole where the block fails, whoever catches the error."""
        ran = self._ran
        try:
            yield self
        except BaseException:
            if self._ran > ran:
                self._failure = self._failure or UnsupportedOperationError(_BLOCK_FAILED)
            raise

    nested = transaction

    async def repeatable(self, work: Callable[[Executor], Awaitable[T]]) -> T:
        return await work(self)
