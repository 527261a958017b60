<%
# With --autogenerate, what differs is noted: a revision speaks through `schema`, not through Alembic's `op`.
def noted(operations):
    lines = [line.strip() for line in (operations or "").splitlines()]
    return "".join(f"    # {line}\n" for line in lines if line and line != "pass" and not line.startswith("#"))
%>\
"""${message}"""

from __future__ import annotations

from agnodb.migrations.operations import SchemaOperations

revision = ${repr(up_revision).replace("'", '"')}
down_revision = ${repr(down_revision).replace("'", '"')}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade(schema: SchemaOperations) -> None:
${noted(upgrades)}    raise NotImplementedError("use the operations of `schema`")


def downgrade(schema: SchemaOperations) -> None:
${noted(downgrades)}    raise NotImplementedError("use the operations of `schema`")
