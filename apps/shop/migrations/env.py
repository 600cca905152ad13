"""What Alembic runs. The database and the models are those of [tool.activerow] in pyproject.toml."""

from activerow.migrations import run

run("shop")
