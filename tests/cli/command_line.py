"""The command line in the tests: run it, read its JSON, do what it says."""

from __future__ import annotations

import json
import shlex
from typing import Any

import psycopg
from typer.testing import CliRunner, Result

from agnodb.cli import app


def run(*words: str) -> Result:
    """A command's result, without a traceback."""
    result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert "Traceback" not in result.output
    return result


def says(*words: str) -> str:
    """The standard output of a command that succeeds."""
    result = run(*words)
    assert result.exit_code == 0, result.output
    return result.stdout


def sql(url: str, *statements: str) -> list[Any]:
    """Run statements as the owner; the rows of the last."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def with_user(url: str, user: str) -> str:
    """`url` for another user (and password)."""
    return url.replace("postgres@", f"{user}@", 1)


class Examination:
    """What `agnodb doctor --json` says."""

    def __init__(self, *words: str) -> None:
        result = run("doctor", *words, "--json")
        self.text = result.stdout
        self.document = json.loads(result.stdout)
        self.exit_code = result.exit_code
        self.findings: dict[str, dict[str, Any]] = {f["check"]: f for f in self.document["findings"]}
        assert self.document["exit_code"] == self.exit_code

    def __getitem__(self, check: str) -> dict[str, Any]:
        return self.findings[check]

    @property
    def needed(self) -> dict[str, str]:
        """The mends of what needs action, by check."""
        return {c: f["mend"] for c, f in self.findings.items() if f["severity"] in ("warning", "error")}

    def severities(self) -> dict[str, str]:
        return {check: finding["severity"] for check, finding in self.findings.items()}

    def mend(self, owner: str) -> None:
        """Do what it says, word for word: agnodb's own commands, and SQL as the owner of `owner`."""
        for command in self.needed.values():
            follow(command, owner)


def follow(mend: str, owner: str) -> None:
    """Do one mend, word for word."""
    if mend.startswith("agnodb "):
        for command in mend.split(" && "):
            says(*shlex.split(command)[1:])
    else:
        assert mend.endswith(";"), mend
        sql(owner, mend)
