"""agnodb side by side with agno's own adapter and with bare asyncpg, see README.md."""
