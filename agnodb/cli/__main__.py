"""`python -m agnodb.cli`."""

from agnodb.cli.app import app

app(prog_name="agnodb")
