"""The committed stubs of the sync side are what the async side says, and what is there when a program runs."""

from __future__ import annotations

import ast
import inspect
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from agnodb.databases import sync_methods

REPOSITORY = Path(__file__).parents[2]
TOOL = Path("tools", "sync_stubs.py")
STUB = Path("agnodb", "databases", "sync_methods.pyi")


def check(repository: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(repository / TOOL), "--check"], capture_output=True, text=True)


def test_the_stubs_are_what_the_async_side_says() -> None:
    done = check(REPOSITORY)
    assert (done.returncode, done.stderr) == (0, "")


def test_stale_stubs_are_noticed(tmp_path: Path) -> None:
    for part in (TOOL.parent, Path("agnodb", "contracts"), Path("agnodb", "databases")):
        shutil.copytree(REPOSITORY / part, tmp_path / part)
    assert check(tmp_path).returncode == 0
    contract = tmp_path / "agnodb" / "contracts" / "sessions.py"
    contract.write_text(contract.read_text().replace("session_type: str | None = None\n", "kind: str = ''\n", 1))
    done = check(tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"{STUB} is not what the async side says: run `make stubs`\n"
    (tmp_path / STUB).unlink()
    assert check(tmp_path).returncode == 1
    subprocess.run([sys.executable, str(tmp_path / TOOL)], check=True)
    assert check(tmp_path).returncode == 0
    assert "kind: str = ''" in (tmp_path / STUB).read_text()


def test_the_stubs_are_true() -> None:
    """Every class, method, docstring, parameter and default of the stubs is there at run time, and nothing else."""
    tree = ast.parse((REPOSITORY / STUB).read_text())
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    assert {*classes} == {name for name, member in vars(sync_methods).items() if _is_own_class(member)}
    for name, node in classes.items():
        there = getattr(sync_methods, name)
        said = {method.name: method for method in node.body if isinstance(method, ast.FunctionDef)}
        functions = {key: member for key, member in vars(there).items() if inspect.isfunction(member)}
        assert {*said} == {*functions} - {"__getattr__"}, name  # it is for names that a type checker must not know
        for method in {*said} - {"__init__"}:
            assert_is_said(said[method], functions[method])


def _is_own_class(member: Any) -> bool:
    return inspect.isclass(member) and member.__module__ == sync_methods.__name__


def assert_is_said(said: ast.FunctionDef, function: Any) -> None:
    arguments = said.args
    defaults = [default for default in (*arguments.defaults, *arguments.kw_defaults) if default is not None]
    parameters = list(inspect.signature(function).parameters.values())
    keyword_only = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    assert [a.arg for a in arguments.kwonlyargs] == keyword_only, said.name
    plain = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert [a.arg for a in arguments.args] == plain, said.name
    stars = [p.name for p in parameters if p.kind is p.VAR_KEYWORD]
    assert ([arguments.kwarg.arg] if arguments.kwarg else []) == stars, said.name
    assert [ast.literal_eval(d) for d in defaults] == [p.default for p in parameters if p.default is not p.empty]
    assert ast.get_docstring(said) == inspect.getdoc(function)
