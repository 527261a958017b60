"""What is the matter with a database, and what is in it: the logic of `agnodb doctor` and `agnodb inspect`.

    facts       what was seen, as plain values
    findings    what follows from it, and what mends it: plain functions of facts
    connecting  a connection that any server and any pooler lets through
    postgresql, mysql, sqlite, schema    how the facts are read
    doctor      all of it in order
    contents    rows, bytes, oldest and newest of each table

Only `doctor`, `contents`, `connecting`, `postgresql`, `mysql` and `sqlite` wait.
"""
