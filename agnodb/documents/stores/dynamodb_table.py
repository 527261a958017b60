"""Requests to one table of DynamoDB: what a request leaves undone is asked for again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any

from agnodb.awaiting import settled
from agnodb.documents.stores import dynamodb_items as items
from agnodb.documents.stores.dynamodb_clients import translate
from agnodb.documents.stores.dynamodb_items import Item
from agnodb.errors import ConfigurationError, StorageError, UnavailableError

Operation = tuple[str, Item]
"""One of a transaction's: its name, and its arguments without the table."""

IN_TRANSACTION = 100
"""Items of one at most."""
_IN_READ, _IN_BATCH = 100, 25
"""Items of one request at most."""

_WAIT = {"Delay": 1, "MaxAttempts": 120}
"""Seconds between two looks at a table that is being made, and how often."""
_KEYS = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
_ALONE = {"Put": "put_item", "Delete": "delete_item"}


class Table:
    """The table `name`. `connect` gives a client of boto3, or what is entered to have one of aiobotocore; `client` is
    one that was passed in, and is not closed here. Raises what `dynamodb_clients.translate` makes of errors."""

    def __init__(self, name: str, connect: Callable[[], Any], client: Any = None) -> None:
        self.name, self._connect, self._given = name, connect, client
        self._open: Any = None

    async def ask(self, operation: str, **given: Any) -> Any:
        """What the service answers to one request."""
        try:
            return await settled(getattr(await self._connected(), operation)(**given))
        except Exception as error:
            raise translate(error) from error

    async def _connected(self) -> Any:
        if self._given is not None:
            return self._given
        if self._open is None:
            made = self._connect()
            await self._keep(await made.__aenter__() if hasattr(made, "__aenter__") else made)
        return self._open

    async def _keep(self, client: Any) -> None:
        if self._open is None:
            self._open = client
        else:  # another call was faster
            await _close(client)

    async def close(self) -> None:
        """Close the client that was made here."""
        client, self._open = self._open, None
        if client is not None:
            try:
                await _close(client)
            except Exception as error:
                raise translate(error) from error

    # -- the table --------------------------------------------------------------------------------------------

    async def make_sure(self) -> None:
        """Make the table, if it is missing, and wait until it can be used. Raises ConfigurationError for another's."""
        try:
            described = await self.ask("describe_table", TableName=self.name)
        except StorageError as error:
            if not _is(error, "ResourceNotFoundException"):
                raise
            await self._make()
            return
        if described["Table"]["KeySchema"] != _KEYS:
            raise ConfigurationError("The table of that name is not agnodb's. Give agnodb a table of its own.")
        if described["Table"]["TableStatus"] == "CREATING":
            await self._wait()

    async def _make(self) -> None:
        types = [{"AttributeName": one["AttributeName"], "AttributeType": "S"} for one in _KEYS]
        made = {"TableName": self.name, "KeySchema": _KEYS, "AttributeDefinitions": types}
        try:
            await self.ask("create_table", **made, BillingMode="PAY_PER_REQUEST")
        except StorageError as error:
            if not _is(error, "ResourceInUseException"):  # another process is making it
                raise
        await self._wait()

    async def _wait(self) -> None:
        client = await self._connected()
        try:
            await settled(client.get_waiter("table_exists").wait(TableName=self.name, WaiterConfig=_WAIT))
        except Exception as error:
            raise translate(error) from error

    # -- reads, which see all that was written before ------------------------------------------------------------

    async def records(self, homes: Iterable[str], *attributes: str) -> AsyncIterator[Item]:
        """The items of records, or those `attributes` of them, as far as they are there."""
        wanted = [items.key(home, items.RECORD) for home in dict.fromkeys(homes)]
        names = {f"#{name}": name for name in attributes}
        chosen = {"ProjectionExpression": ",".join(names), "ExpressionAttributeNames": names} if names else {}
        while wanted:
            asked = {"Keys": wanted[:_IN_READ], "ConsistentRead": True, **chosen}
            answer = await self.ask("batch_get_item", RequestItems={self.name: asked})
            found = answer["Responses"].get(self.name, [])
            left = answer.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", [])
            if left and not found:
                raise UnavailableError(detail="DynamoDB reads nothing of a batch", refused=True)
            for item in found:
                yield item
            wanted = left + wanted[_IN_READ:]

    async def pages(self, start: Item | None = None, **given: Any) -> AsyncIterator[Any]:
        """The answers to a Query, each of 1 MB at most, from `start` on."""
        while True:
            begin = {} if start is None else {"ExclusiveStartKey": start}
            answer = await self.ask("query", TableName=self.name, ConsistentRead=True, **given, **begin)
            yield answer
            start = answer.get("LastEvaluatedKey")
            if start is None:
                return

    # -- writes -----------------------------------------------------------------------------------------------

    async def commit(self, operations: Sequence[Operation]) -> None:
        """Do all of it or nothing. Raises ConflictError where a condition is not met."""
        table = {"TableName": self.name}
        if len(operations) == 1 and operations[0][0] in _ALONE:  # costs half of a transaction
            ((kind, given),) = operations
            await self.ask(_ALONE[kind], **table, **given)
        elif operations:
            whole = [{kind: {**table, **given}} for kind, given in operations]
            await self.ask("transact_write_items", TransactItems=whole)

    async def put(self, made: Sequence[Item]) -> None:
        """Write items, each for itself."""
        await self._in_batches([{"PutRequest": {"Item": item}} for item in made])

    async def remove(self, keys: Sequence[Item]) -> None:
        """Delete items, each for itself."""
        await self._in_batches([{"DeleteRequest": {"Key": key}} for key in keys])

    async def _in_batches(self, requests: Sequence[Item]) -> None:
        left = list(requests)
        while left:
            asked, rest = left[:_IN_BATCH], left[_IN_BATCH:]
            answer = await self.ask("batch_write_item", RequestItems={self.name: asked})
            undone = answer.get("UnprocessedItems", {}).get(self.name, [])
            if len(undone) == len(asked):
                raise UnavailableError(detail="DynamoDB writes nothing of a batch", refused=True)
            left = undone + rest


async def _close(client: Any) -> None:
    if hasattr(client, "__aexit__"):
        await client.__aexit__(None, None, None)
    else:
        client.close()


def _is(error: StorageError, code: str) -> bool:
    return code in str(error.detail)
