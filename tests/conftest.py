"""Fixtures for every test: databases of the backends that are there, see `agnodb.testing.plugin`."""

pytest_plugins = ["agnodb.testing.plugin"]
