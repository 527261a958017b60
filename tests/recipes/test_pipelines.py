"""The pipelines of docs/recipes, run: what is in the files goes to a shell, word for word."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from environments import RECIPES, Environment

from agnodb.migrations.head import HEAD


def tables(url: str, schema: str) -> set[str]:
    with psycopg.connect(url) as connection:
        query = "SELECT tablename FROM pg_tables WHERE schemaname = %s"
        return {name for (name,) in connection.execute(query, [schema]).fetchall()}


def with_secrets(value: str, url: str) -> str:
    """What GitHub puts in for its expressions."""
    put = re.sub(r"\$\{\{ *secrets\.AGNODB_URL *\}\}", lambda _: url, value)
    assert "${{" not in put
    return put


def workflow() -> Any:
    return yaml.safe_load((RECIPES / "github-actions.yml").read_text(encoding="utf-8"))


def run_job(name: str, environment: Environment, cwd: Path, url: str) -> list[str]:
    """Each `run` of a job as GitHub's runner starts it; what they print."""
    document = workflow()
    variables = {key: with_secrets(str(value), url) for key, value in document["env"].items()}
    steps = [step["run"] for step in document["jobs"][name]["steps"] if "run" in step]
    script = cwd / "step.sh"
    said = []
    for step in steps:
        script.write_text(step, encoding="utf-8")
        said.append(environment.done("bash", "-e", str(script), cwd=cwd, **variables))
    return said


def test_github_actions_from_the_wheel(bare: Environment, tmp_path: Path, postgres_url: str) -> None:
    said = run_job("from-the-wheel", bare, tmp_path, postgres_url)
    assert f"{HEAD} (head), nothing differs" in said[1]
    assert said[2].endswith("Nothing to do\n")
    assert {"chats", "chats_runs", "agno_memories", "agnodb_version"} <= tables(postgres_url, "agents")
    assert tables(postgres_url, "ai") == set()


def test_github_actions_from_the_checkout(wheel: Path, checkout: Path, tmp_path: Path, postgres_url: str) -> None:
    from environments import make

    # An editable installation needs the build backend: from the index, as on GitHub.
    online = make(tmp_path / "venv", {"PIP_DISABLE_PIP_VERSION_CHECK": "1"})
    said = run_job("from-the-checkout", online, checkout, postgres_url)
    assert "0001 -> 0002" in said[1]
    assert f"{HEAD} (head)" in said[2]
    assert {"chats", "chats_runs", "agnodb_version"} <= tables(postgres_url, "agents")


def test_github_actions_stops_at_an_error(installed: Environment, tmp_path: Path) -> None:
    migrate = next(s for s in workflow()["jobs"]["from-the-wheel"]["steps"] if s.get("name") == "Migrate")
    (tmp_path / "step.sh").write_text(migrate["run"], encoding="utf-8")
    done = installed.run("bash", "-e", "step.sh", cwd=tmp_path, AGNODB_URL="postgresql://u:geheim@127.0.0.1:1/x")
    assert done.returncode == 2
    assert "geheim" not in done.stdout + done.stderr
    assert len(done.stderr.splitlines()) == 1


# -- Kubernetes --------------------------------------------------------------------------------------------------


def manifests() -> dict[str, Any]:
    text = (RECIPES / "kubernetes.yaml").read_text(encoding="utf-8")
    return {document["kind"]: document for document in yaml.safe_load_all(text)}


def pod(document: Any) -> Any:
    return document["spec"]["template"]["spec"]


def variables_of(container: Any, documents: dict[str, Any], url: str) -> dict[str, str]:
    """What a container's `envFrom` gives it; the URL is the secret."""
    found: dict[str, str] = {}
    for source in container["envFrom"]:
        if "secretRef" in source:
            found["AGNODB_URL"] = url
        else:
            assert source["configMapRef"]["name"] == documents["ConfigMap"]["metadata"]["name"]
            found |= documents["ConfigMap"]["data"]
    return found


def test_kubernetes(installed: Environment, tmp_path: Path, postgres_url: str) -> None:
    documents = manifests()
    (job,) = pod(documents["Job"])["containers"]
    (waiting,) = pod(documents["Deployment"])["initContainers"]
    (server,) = pod(documents["Deployment"])["containers"]
    variables = [variables_of(container, documents, postgres_url) for container in (job, waiting, server)]
    assert variables[0] == variables[1] == variables[2]
    assert len(variables[0]) == 3

    def run(container: Any) -> subprocess.CompletedProcess[str]:
        return installed.run(*container["command"], cwd=tmp_path, **variables[0])

    assert run(waiting).returncode == 1  # the pods wait
    done = run(job)
    assert done.returncode == 0, done.stderr
    assert run(waiting).returncode == 0
    assert run(job).returncode == 0  # a Job may run twice
    assert "chats" in tables(postgres_url, "agents")


# -- Docker ------------------------------------------------------------------------------------------------------


def dockerfile() -> dict[str, list[str]]:
    """The instructions of the Dockerfile whose arguments are lists, and COPY's."""
    found = {}
    for line in (RECIPES / "Dockerfile").read_text(encoding="utf-8").splitlines():
        word, _, rest = line.partition(" ")
        if word in ("ENTRYPOINT", "CMD"):
            found[word] = json.loads(rest)
        elif word == "COPY":
            found[word] = rest.split()[:-1]
    return found


def test_the_dockerfile_copies_what_is_there() -> None:
    for name in dockerfile()["COPY"]:
        assert (RECIPES / name).is_file(), name


async def test_entrypoints_that_start_at_once(installed: Environment, application: Path, postgres_url: str) -> None:
    command = [*dockerfile()["ENTRYPOINT"], "sh", "-c", "echo serving"]

    def start() -> subprocess.CompletedProcess[str]:
        return installed.run(*command, cwd=application, AGNODB_URL=postgres_url, AGNODB_SESSION_TABLE="chats")

    done = await asyncio.gather(*(asyncio.to_thread(start) for _ in range(3)))
    assert [result.returncode for result in done] == [0] * 3, [result.stderr for result in done]
    assert all(result.stdout.endswith("serving\n") for result in done)
    assert "chats" in tables(postgres_url, "ai")


@pytest.mark.parametrize("broken", ["no server", "drift"])
def test_an_entrypoint_that_cannot_migrate_serves_nothing(
    installed: Environment, application: Path, postgres_url: str, broken: str
) -> None:
    command = (*dockerfile()["ENTRYPOINT"], "sh", "-c", "echo serving")
    url = postgres_url
    if broken == "no server":
        url = "postgresql://u:geheim@127.0.0.1:1/x"
    else:
        installed.done("agnodb", "upgrade", cwd=application, AGNODB_URL=url)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP INDEX ai.idx_agno_sessions_changed")
    done = installed.run(*command, cwd=application, AGNODB_URL=url)
    assert done.returncode == (2 if broken == "no server" else 1)
    assert "serving" not in done.stdout
    assert "geheim" not in done.stdout + done.stderr


def test_the_index_names_every_file() -> None:
    text = (RECIPES / "README.md").read_text(encoding="utf-8")
    for path in RECIPES.iterdir():
        if path.name not in ("README.md", "__pycache__"):
            assert f"({path.name})" in text, path.name
