"""What a repository of each concept promises, whatever database is behind it."""
