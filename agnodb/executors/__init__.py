"""Executors: the only place that waits. Each implements `agnodb.sql.executor.Executor` for one way of waiting."""
