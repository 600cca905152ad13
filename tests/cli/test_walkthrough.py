"""The pages' walk through the commands, word for word, in an empty folder."""

import asyncio
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests.cli.shell import shell
from tests.migrations.processes import Ended
from tests.tools.backends.backend import Backend

ON_SERVERS = pytest.mark.backends("sqlite", "asyncpg", "asyncmy")


def codes(ended: list[Ended]) -> list[int]:
    """The exit codes; what went wrong is shown when a test compares them."""
    for entry in ended:
        assert "Traceback" not in entry.err, entry.err
        assert "\x1b" not in entry.out + entry.err
    return [entry.code for entry in ended]


def grow(folder: Path) -> None:
    """Give the model of the written project another column."""
    models = folder / "app" / "models.py"
    models.write_text(
        f"{models.read_text('utf-8')}    body: Mapped[str | None] = mapped_column(String(500))\n", "utf-8"
    )


@ON_SERVERS
async def test_from_an_empty_folder_to_the_second_revision(tmp_path: Path, database_url: str) -> None:
    """init, revision, upgrade, check, a changed model, revision, upgrade, downgrade, upgrade; plain Alembic as well."""
    environment = {"DATABASE_URL": database_url}

    first = await shell(
        tmp_path,
        ["init", "--app"],
        ["revision", "-m", "first tables"],
        ["upgrade"],
        ["check"],
        ["alembic", "current"],
        ["alembic", "check"],
        **environment,
    )
    grow(tmp_path)
    second = await shell(
        tmp_path,
        ["check"],
        ["revision", "-m", "notes have a body"],
        ["upgrade"],
        ["check"],
        ["downgrade", "-1"],
        ["upgrade"],
        ["history"],
        ["current"],
        ["doctor"],
        ["alembic", "downgrade", "-1"],
        ["alembic", "upgrade", "head"],
        ["alembic", "revision", "--autogenerate", "-m", "nothing"],
        **environment,
    )

    assert codes(first) == [0] * 6
    assert codes(second) == [1] + [0] * 11
    assert "add column notes.body" in second[0].out
    assert [line[0] for line in second[6].out.splitlines()] == ["x", "x"]
    assert second[7].out.endswith("notes have a body (newest)\n")
    assert "drift: models and database agree" in second[8].out


@ON_SERVERS
async def test_sql_is_run_by_the_servers_own_client(tmp_path: Path, backend: Backend, database_url: str) -> None:
    """What `sql` prints makes the tables when it is piped into the client; taking back is the same."""
    client = client_of(backend, database_url)
    environment = {"DATABASE_URL": database_url}
    made = await shell(tmp_path, ["init", "--app"], ["revision", "-m", "first tables"], ["sql"], **environment)
    revision = next((tmp_path / "migrations" / "versions").glob("*.py")).stem.split("-")[-1].partition("_")[0]

    await send(made[2].out, client)
    checked = await shell(tmp_path, ["check"], ["sql", "base", "--down", "--start", revision], **environment)
    await send(checked[1].out, client)
    again = await shell(tmp_path, ["upgrade"], **environment)

    assert codes([*made, *checked, *again]) == [0] * 6
    assert again[0].out == f"applied {revision} first tables\n"


async def send(sql: str, client: list[str]) -> None:
    """Give a text to a client, which has nothing to complain about."""
    pipe = subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*client, stdin=pipe, stdout=pipe, stderr=pipe)
    _, complaints = await process.communicate(sql.encode())
    assert (process.returncode, complaints) == (0, b"")


def client_of(backend: Backend, database_url: str) -> list[str]:
    """The command line of the server's client."""
    url = make_url(database_url)
    name = {"sqlite": "sqlite3", "postgresql": "psql", "mysql": "mariadb"}[backend.dialect]
    if shutil.which(name) is None:
        pytest.skip(f"the client {name} is not installed")
    database = url.database or ""
    where = ["-h", url.host or "", "-p" if name == "psql" else "-P", str(url.port)]
    return {
        "sqlite": ["sqlite3", "-bail", database],
        "postgresql": ["psql", "-v", "ON_ERROR_STOP=1", "-U", url.username or "", *where, database],
        "mysql": ["mariadb", "-u", url.username or "", *where, database],
    }[backend.dialect]


async def test_errors_are_one_message_and_a_code(tmp_path: Path) -> None:
    """1: it failed; 2: the command or the settings are wrong. Never a traceback, never a password."""
    before = await shell(tmp_path, ["upgrade"], ["--database", "nowhere.models:db", "upgrade"], ["frobnicate"])
    unreachable = {"DATABASE_URL": "postgresql://bob:geheim@127.0.0.1:1/shop"}
    await shell(tmp_path, ["init", "--app"])

    down = await shell(tmp_path, ["upgrade"], ["check"], ["doctor"], ["history"], ["createdb"], **unreachable)
    wrong = await shell(
        tmp_path,
        ["upgrade", "nosuch"],
        ["downgrade", "-1"],
        ["revision"],
        ["init", "--app"],
        ["-n", "other", "upgrade"],
        ["--database", "app.models:Note", "upgrade"],
    )

    assert codes(before) == [2, 2, 2]
    assert codes(down) == [1, 1, 1, 1, 1]
    assert codes(wrong) == [1, 1, 2, 2, 2, 2]
    assert "activerow init" in before[0].err
    assert "module 'nowhere' was not found" in before[1].err
    assert "the database at 127.0.0.1:1/shop is not available" in down[0].err
    assert "geheim" not in "".join(entry.out + entry.err for entry in down)
    assert "there is no revision 'nosuch'" in wrong[0].err
    assert "as many revisions" in wrong[1].err


async def test_a_relative_file_is_the_same_from_every_folder(tmp_path: Path) -> None:
    """It counts from the folder of pyproject.toml, and doctor shows where it is."""
    await shell(tmp_path, ["init", "--app"], ["revision", "-m", "first"], ["upgrade"])

    [check, doctor] = await shell(tmp_path / "app", ["check"], ["doctor"])

    assert check.code == 0
    assert f"sqlite+aiosqlite:///{tmp_path}/app.db" in doctor.out
    assert not (tmp_path / "app" / "app.db").exists()


async def test_the_small_commands(tmp_path: Path) -> None:
    """models, erd, --empty, --drop-last, stamp, --help, --version."""
    await shell(tmp_path, ["init", "--app"])

    ended = await shell(
        tmp_path,
        ["models"],
        ["erd"],
        ["erd", "-o", "tables.svg"],
        ["revision", "--empty", "-m", "fill names"],
        ["stamp"],
        ["revision", "--drop-last"],
        ["stamp", "base"],
        ["revision", "--drop-last"],
        ["revision", "--help"],
        ["--version"],
        ["createdb"],
    )

    assert codes(ended) == [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0]
    assert ended[0].out == "Note\tnotes\tid*, title, created_at, updated_at\t\tyes\n"
    assert "integer id PK" in ended[1].out
    assert "<svg" in (tmp_path / "tables.svg").read_text("utf-8")
    assert "fill_names" in ended[7].out
    assert 'activerow revision -m "users have a name"' in re.sub(r"\s+", " ", ended[8].out)
    assert ended[9].out.startswith("activerow")
    assert not list((tmp_path / "migrations" / "versions").glob("*.py"))


async def test_a_package_in_src_is_found(tmp_path: Path) -> None:
    """`init` writes `path` for it; `sql --down` asks where the database is."""
    package = tmp_path / "src" / "shop"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(
        "from sqlalchemy.orm import DeclarativeBase\n"
        "from activerow import ActiveRecord, Database\n\n\n"
        "class Base(ActiveRecord, DeclarativeBase):\n    pass\n\n\n"
        'db = Database("sqlite:///shop.db", base=Base)\n',
        "utf-8",
    )

    ended = await shell(
        tmp_path,
        ["--database", "shop:db", "init"],
        ["revision", "--empty", "-m", "first"],
        ["upgrade"],
        ["sql", "base", "--down"],
    )

    assert codes(ended) == [0, 0, 0, 2]
    assert 'path = ["src"]' in (tmp_path / "pyproject.toml").read_text("utf-8")
    assert "--start" in ended[3].err


async def test_the_shell_can_complete_commands(tmp_path: Path) -> None:
    """What `--install-completion` writes asks the command itself."""
    [script] = await shell(tmp_path, [], _ACTIVEROW_COMPLETE="source_bash")
    [words] = await shell(tmp_path, [], _ACTIVEROW_COMPLETE="complete_bash", COMP_WORDS="activerow up", COMP_CWORD="1")

    assert "complete" in script.out
    assert words.out.split() == ["upgrade"]


async def test_several_databases_have_names(tmp_path: Path) -> None:
    """Without --name none is touched; each has a folder, and plain Alembic works in it."""
    await shell(tmp_path, ["init", "--app"])
    shutil.rmtree(tmp_path / "migrations")
    (tmp_path / "app" / "other.py").write_text((tmp_path / "app" / "models.py").read_text().replace("app.db", "b.db"))
    (tmp_path / "pyproject.toml").write_text(
        "[tool.activerow.databases.notes]\ndatabase = 'app.models:db'\nmodels = ['app.models']\n"
        "[tool.activerow.databases.other]\ndatabase = 'app.other:db'\nmodels = ['app.other']\n"
        "[tool.alembic]\nscript_location = '%(here)s/migrations/other'\nprepend_sys_path = ['.']\n"
    )

    ended = await shell(
        tmp_path,
        ["init"],
        ["upgrade"],
        ["-n", "notes", "revision", "-m", "notes"],
        ["-n", "notes", "upgrade"],
        ["-n", "other", "revision", "-m", "others"],
        ["alembic", "upgrade", "head"],
        ["alembic", "check"],
        ["-n", "other", "check"],
    )

    assert codes(ended) == [0, 2, 0, 0, 0, 0, 0, 0]
    assert "several databases: notes, other" in ended[1].err
    assert (tmp_path / "app.db").exists()
    assert (tmp_path / "b.db").exists()
