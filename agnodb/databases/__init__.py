"""The database objects that applications construct: `AsyncPostgresDb`, `AsyncSqliteDb`."""
