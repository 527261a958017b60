"""SQL repositories: one set for every SQL database, over SQLAlchemy Core and a small `Dialect`."""
