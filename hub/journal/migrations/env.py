"""Alembic's environment: the journal hands its open connection in, so there is one writer."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, transaction_per_migration=False)
context.run_migrations()
