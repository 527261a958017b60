"""Writes `agnodb/databases/sync_methods.pyi`, the types of the sync side, from the async side.

    python tools/sync_stubs.py            write it
    python tools/sync_stubs.py --check    exit with 1 when it is not what would be written

Nothing is imported: signatures and docstrings are read from `agnodb/databases/methods` and `agnodb/contracts`.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
STUB = Path("agnodb/databases/sync_methods.pyi")
ALL_METHODS = "agnodb.databases.methods.all"
REPOSITORIES = "agnodb.contracts.repositories"
WIDTH = 120

HEADER = '"""The types of the sync side. Written by `make stubs` from the async side: change that, not this."""\n'
DRIVEN = '''
class SyncRepository:
    """The repository of one concept: the methods of its contract, each blocking until it is done."""

    def __init__(self, repository: object) -> None: ...
'''
ALL_REPOSITORIES = '''
class SyncRepositories:
    """All repositories: what `db` and `db.transaction()` give."""

{attributes}

    def __init__(self, repositories: object) -> None: ...

class SyncTransaction(SyncMethods, SyncRepositories):
    """The repositories and agno's flat methods inside one transaction, or one savepoint, of an async context."""

    def __init__(self, context: object) -> None: ...
    def __enter__(self) -> SyncTransaction: ...
    def __exit__(self, *error: Any) -> bool | None: ...
    def savepoint(self) -> AbstractContextManager[SyncTransaction]:
        """See `agnodb.databases.transactions.Transaction.savepoint`."""
'''


class StubError(Exception):
    """The async side has something that these stubs cannot say."""


@dataclass
class Imports:
    """What the stub imports: name -> module."""

    modules: dict[str, str] = field(default_factory=lambda: {"AbstractContextManager": "contextlib"})

    def add(self, name: str, module: str) -> None:
        """Import `name` from `module`. Raises StubError when it already means something else."""
        if self.modules.setdefault(name, module) != module:
            raise StubError(f"{name} is from {self.modules[name]} and from {module}")

    def __str__(self) -> str:
        names: dict[str, list[str]] = defaultdict(list)
        for name, module in self.modules.items():
            names[module].append(name)
        groups: dict[bool, list[str]] = {False: [], True: []}
        for module in sorted(names):
            listed = ", ".join(sorted(names[module], key=lambda name: (name[0].islower(), name)))
            groups[module.startswith("agnodb")].append(f"from {module} import {listed}")
        return "\n\n".join("\n".join(group) for group in groups.values() if group)


class Source:
    """A module of the async side, as text and as a tree."""

    def __init__(self, module: str) -> None:
        self.module = module
        self.text = (REPOSITORY / (module.replace(".", "/") + ".py")).read_text(encoding="utf-8")
        self.tree = ast.parse(self.text)
        self.imported: dict[str, str] = {}
        self.plain: set[str] = set()
        self.aliases: dict[str, str] = {}
        for node in self.tree.body:
            if isinstance(node, ast.ImportFrom):
                self.imported.update({alias.name: str(node.module) for alias in node.names})
            elif isinstance(node, ast.Import):
                self.plain.update(alias.name for alias in node.names)
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                self.aliases[node.targets[0].id] = self.of(node.value)

    def of(self, node: ast.AST) -> str:
        """The text of a node."""
        found = ast.get_source_segment(self.text, node)
        assert found is not None
        return found

    def class_named(self, name: str) -> ast.ClassDef:
        """A class of this module."""
        return next(node for node in self.tree.body if isinstance(node, ast.ClassDef) and node.name == name)

    def type_of(self, node: ast.expr, imports: Imports) -> str:
        """An annotation, in which aliases are written out and `module.Name` is `Name`; `imports` gets its names."""
        text = self.of(node)
        for alias, meaning in self.aliases.items():
            text = re.sub(rf"\b{alias}\b", lambda _, meaning=meaning: meaning, text)
        for module in self.plain:
            for name in re.findall(rf"\b{module}\.(\w+)", text):
                imports.add(name, module)
            text = re.sub(rf"\b{module}\.(\w+)", r"\1", text)
        for part in ast.walk(ast.parse(text, mode="eval")):
            if isinstance(part, ast.Name) and part.id in self.imported:
                imports.add(part.id, self.imported[part.id])
        return text


def parameters(arguments: ast.arguments, source: Source, imports: Imports) -> Iterator[str]:
    """Each parameter as it is written in a signature."""

    def one(argument: ast.arg, default: ast.expr | None, stars: str = "") -> str:
        said = f"{stars}{argument.arg}"
        if argument.annotation is not None:
            said += f": {source.type_of(argument.annotation, imports)}"
        if default is None:
            return said
        return said + (" = " if argument.annotation is not None else "=") + source.of(default)

    plain = [*arguments.posonlyargs, *arguments.args]
    missing: list[ast.expr | None] = [None] * (len(plain) - len(arguments.defaults))
    for place, (argument, default) in enumerate(zip(plain, [*missing, *arguments.defaults], strict=True), start=1):
        yield one(argument, default)
        if place == len(arguments.posonlyargs):
            yield "/"
    if arguments.vararg is not None:
        yield one(arguments.vararg, None, "*")
    elif arguments.kwonlyargs:
        yield "*"
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield one(argument, default)
    if arguments.kwarg is not None:
        yield one(arguments.kwarg, None, "**")


def method(node: ast.AsyncFunctionDef, source: Source, imports: Imports) -> str:
    """The sync form of an async method, laid out as `ruff format` does."""
    if node.returns is None or not ast.get_docstring(node):
        raise StubError(f"{source.module}: {node.name} has no return type, or no docstring")
    given = list(parameters(node.args, source, imports))
    end = f") -> {source.type_of(node.returns, imports)}:"
    start, joined = f"    def {node.name}(", ", ".join(given)
    if len(start + joined + end) <= WIDTH:
        head = start + joined + end
    elif len(joined) + 8 <= WIDTH:
        head = f"{start}\n        {joined}\n    {end}"
    else:
        head = start + "\n" + "".join(f"        {one},\n" for one in given) + f"    {end}"
    return f"{head}\n        {source.of(node.body[0])}\n"


def methods_of(name: str, source: Source, imports: Imports) -> str:
    """The public coroutine methods of a class."""
    found = [
        method(node, source, imports)
        for node in source.class_named(name).body
        if isinstance(node, ast.AsyncFunctionDef) and not node.name.startswith("_")
    ]
    return "\n".join(found)


def stub() -> str:
    """The text of the stub."""
    imports = Imports()
    every = Source(ALL_METHODS)
    mixed = every.class_named("AllMethods")
    flat = [methods_of(base.id, Source(every.imported[base.id]), imports) for base in mixed.bases]  # type: ignore[attr-defined]
    contracts = Source(REPOSITORIES)
    classes, attributes = [], []
    for concept in contracts.class_named("Repositories").body:
        if isinstance(concept, ast.FunctionDef) and concept.returns is not None:
            contract = contracts.of(concept.returns)
            source = Source(contracts.imported[contract])
            doc = source.of(source.class_named(contract).body[0])
            body = methods_of(contract, source, imports)
            classes.append(f"\nclass Sync{contract}(SyncRepository):\n    {doc}\n\n{body}")
            attributes.append(f"    {concept.name}: Sync{contract}")
    head = f"\nclass SyncMethods:\n    {every.of(mixed.body[0])}\n\n"
    rest = [DRIVEN, *classes, ALL_REPOSITORIES.format(attributes="\n".join(attributes))]
    return f"{HEADER}\n{imports}\n{head}" + "\n".join(flat) + "".join(rest)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the types of the sync side.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when the file is stale")
    wanted, path = stub(), REPOSITORY / STUB
    if not parser.parse_args().check:
        path.write_text(wanted, encoding="utf-8")
    elif not path.exists() or path.read_text(encoding="utf-8") != wanted:
        sys.exit(f"{STUB} is not what the async side says: run `make stubs`")


if __name__ == "__main__":
    main()
