"""The statements of a `Steps` on a driver that takes several at once: what is asked together is one round trip.

The transaction begins with the first packet and ends with the last. Values are written into the texts by the driver,
which escapes them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeAlias

from sqlalchemy import Dialect, Engine, Executable

from agnodb.executors.on_driver import brought
from agnodb.sql.executor import Answer, Row, Statement, Steps

if TYPE_CHECKING:
    from agnodb.executors.retries import Attempts

Packet: TypeAlias = Sequence[str | tuple[str, Sequence[Mapping[str, Any]]]]
"""Texts; a statement for many parameters is its text and those."""
Convert: TypeAlias = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Step:
    """A statement as it is written out: `%(name)s` stands for a value, or for a list of them."""

    text: str
    fixed: Mapping[str, Any]
    """The values that it brings along."""
    into: Mapping[str, Convert]
    """What is done to a value before the driver has it, by its name."""
    out: Sequence[Convert | None]
    """What is done to the columns of its rows."""

    @classmethod
    def of(cls, statement: Executable, dialect: Dialect) -> Self:
        """`statement`, as SQLAlchemy compiles it for `dialect`."""
        named: Any = copy(dialect)
        named.paramstyle, named.positional = "pyformat", False
        made: Any = statement.compile(dialect=named)  # type: ignore[attr-defined]
        text = made.string
        for bind in made.post_compile_params:
            name = made.bind_names[bind]
            text = text.replace(f"__[POSTCOMPILE_{name}]", f"%({name})s")
        into = {name: do for name, do in made._bind_processors.items() if made.binds[name].required}
        columns = getattr(statement, "exported_columns", ())
        out = [column.type._cached_result_processor(dialect, None) for column in columns]
        fixed = {name: brought(made, name) for name, bind in made.binds.items() if not bind.required}
        return cls(text, fixed, {name: do for name, do in into.items() if not isinstance(do, tuple)}, out)

    def values(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """All values, by their names."""
        converted = {name: do(given[name]) for name, do in self.into.items() if name in given}
        return {**self.fixed, **given, **converted}

    def written(self, given: Mapping[str, Any], escape: Callable[[Any], str]) -> str:
        """The text with its values in it."""
        return self.text % {name: _written(value, escape) for name, value in self.values(given).items()}

    def read(self, answer: Answer) -> Answer:
        """`answer` with its rows as SQLAlchemy would give them."""
        if not any(self.out):
            return answer
        done = (zip(self.out, row, strict=True) for row in answer.rows)
        return Answer([[value if do is None else do(value) for do, value in row] for row in done], answer.rowcount)


def _written(value: Any, escape: Callable[[Any], str]) -> str:
    if isinstance(value, list):
        return ", ".join([_written(each, escape) for each in value])
    if isinstance(value, tuple):
        return f"({', '.join([escape(each) for each in value])})"
    return escape(value)


class Sender(Protocol):
    """What `Packets` needs of a driver."""

    steps: dict[Executable, Step]

    def send(self, connection: Any, packet: Packet, last: bool) -> Sequence[Answer]:
        """The answers to a packet, which ends the transaction if it is the `last`. Raises what the driver raises."""
        ...


@dataclass
class Packets:
    """`agnodb.sql.executor.Ask`, on a `dbapi_connection` on which nothing is under way."""

    sender: Sender
    engine: Engine
    connection: Any
    attempts: Attempts
    statements: int = field(default=0, init=False)
    """How many were sent."""
    _texts: dict[str, str] = field(default_factory=dict, init=False)
    _open: bool = field(default=False, init=False)
    """Whether a transaction has begun and not ended."""
    _failed: bool = field(default=False, init=False)
    """Whether that one's first packet failed: nobody builds on what it did."""

    def __call__(self, *statements: Statement, last: bool = False) -> Sequence[Answer]:
        steps = [self._step(statement) for statement, _ in statements]
        asked = [self._asked(step, given) for step, (_, given) in zip(steps, statements, strict=True)]
        self.statements += len(statements)
        alone = last and len(asked) == 1 and not self._open and isinstance(asked[0], str)  # its own transaction
        before = [] if self._open or alone else ["BEGIN"]
        if self._failed:
            before = ["ROLLBACK", *before]
        self.attempts.undone = not last
        self._failed = not self._open
        answers = self.sender.send(
            self.connection, [*before, *asked, *(["COMMIT"] if last and not alone else [])], last
        )
        self._open, self._failed = not last, False
        return [step.read(answer) for step, answer in zip(steps, answers[len(before) :], strict=False)]

    def _step(self, statement: Executable) -> Step:
        step = self.sender.steps.get(statement)
        if step is None:
            step = self.sender.steps[statement] = Step.of(statement, self.engine.dialect)
        return step

    def _asked(self, step: Step, given: Any) -> Any:
        if isinstance(given, Mapping):
            return step.written(given, self._escaped)
        return step.text, [step.values(each) for each in given]

    def _escaped(self, value: Any) -> str:
        """As the driver writes it; a document that several statements have, once: it costs more than all the rest."""
        if not isinstance(value, str):
            return str(self.connection.driver_connection.escape(value))
        found = self._texts.get(value)
        if found is None:
            found = self._texts[value] = self.connection.driver_connection.escape(value)
        return found

    def end(self) -> None:
        """Commit, if the last statements were not known to be the last."""
        if self._open:
            self.attempts.undone = False
            self.sender.send(self.connection, ["COMMIT"], True)


def run_steps(
    sender: Sender, engine: Engine, connection: Any, steps: Steps, parameters: Mapping[str, Any], attempts: Attempts
) -> tuple[Sequence[Row], int]:
    """The rows of `steps`, and how many statements that took."""
    packets = Packets(sender, engine, connection, attempts)
    rows = steps.run(packets, parameters)
    packets.end()
    return rows, packets.statements


async def sent(
    packet: Packet,
    ask: Callable[[str], Awaitable[Sequence[Answer]]],
    ask_many: Callable[[str, Sequence[Mapping[str, Any]]], Awaitable[Answer]],
) -> Sequence[Answer]:
    """The answers to `packet`: `ask` gives those to texts that travel together, `ask_many` that to one statement for
    many parameters."""
    answers: list[Answer] = []
    for together, entries in groupby(packet, key=lambda entry: isinstance(entry, str)):
        if together:
            answers += await ask(";\n".join(map(str, entries)))
        else:
            answers += [await ask_many(*entry) for entry in entries]
    return answers
