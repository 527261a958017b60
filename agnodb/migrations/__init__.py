"""The schema's history and the machinery that applies it: one chain for every SQL database.

    head        the revisions' names, known without loading Alembic
    boot        what a server does before its first statement
    runner      upgrade, downgrade, stamp, current, check, SQL to run by hand
    locks       one migrator at a time per schema
    operations  what a revision may do
    catalog     what a database has
    version_table   where each set of tables keeps its revision
    environment what `alembic/env.py` runs

Importing this package or `boot` loads no Alembic.
"""
