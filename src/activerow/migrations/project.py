"""What `[tool.activerow]` of a `pyproject.toml` says: where the database object, the models and the migrations are.

```toml
[tool.activerow]
database = "shop.models:db"        # module and name of the Database, or of a function that gives it
models = ["shop.models"]           # modules and packages that are imported before anything is compared
migrations = "migrations"          # the folder, from the file's own; this is the default
path = ["src"]                     # folders to import from, besides the file's own
version_table = "alembic_version"  # where the database says its revision; this is the default
```

Several databases have a table each, `[tool.activerow.databases.orders]`, and a name; their version tables are called
`alembic_version_orders`, so that they may be one database.
"""

import importlib
import pkgutil
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from activerow.database import Database
from activerow.migrations.errors import ProjectError
from activerow.migrations.schema import VERSIONS

DEFAULT: Final = "default"
_KEYS: Final = frozenset({"database", "models", "migrations", "path", "version_table"})


@dataclass(frozen=True, slots=True)
class Project:
    """One database of a project.

    Attributes:
        name: Its name; `default` where the project has one database.
        database: Module and name of the Database, `package.module:db`.
        models: Modules to import before comparing.
        folder: The migration folder.
        path: Folders to import from.
        version_table: Where the database says which revision it is at.
    """

    name: str
    database: str
    models: tuple[str, ...]
    folder: Path
    path: tuple[Path, ...] = ()
    version_table: str = VERSIONS

    def load(self) -> Database:
        """The project's Database, with the models imported.

        Raises:
            ProjectError: A module cannot be imported, or has no such Database.
        """
        for folder in reversed(self.path):
            if str(folder) not in sys.path:
                sys.path.insert(0, str(folder))
        module, _, name = self.database.partition(":")
        database = import_module(module, "database")
        for part in name.split("."):
            database = getattr(database, part, None)
        if callable(database):
            try:
                database = database()
            except Exception as error:
                reason = f"calling {self.database!r} failed: {type(error).__name__}: {error}"
                raise ProjectError(f"[tool.activerow] database: {reason}") from error
        if not isinstance(database, Database):
            raise ProjectError(
                f"[tool.activerow] database: {self.database!r} is neither a Database nor a function that gives one"
            )
        import_models(self.models, self.folder)
        self._locate(database)
        return database

    def _locate(self, database: Database) -> None:
        """Let a relative SQLite path count from the project's folder, wherever the command was called."""
        url = database.url
        name = url.database if url is not None and url.get_backend_name() == "sqlite" else None
        if url is not None and name and name != ":memory:" and not name.startswith("file:") and self.path:
            database.configure(url.set(database=str(self.path[0] / name)))


def import_module(name: str, setting: str) -> Any:
    """The module of that name.

    Raises:
        ProjectError: It does not exist, or fails when it is imported.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or name
        own = name == missing or name.startswith(f"{missing}.")
        cure = "add its folder to [tool.activerow] path, or install the project" if own else "install it"
        raise ProjectError(f"[tool.activerow] {setting}: module {missing!r} was not found; {cure}") from error
    except Exception as error:
        reason = f"importing {name!r} failed: {type(error).__name__}: {error}"
        raise ProjectError(f"[tool.activerow] {setting}: {reason}") from error


def import_models(names: Iterable[str], folder: Path) -> None:
    """Import modules with models, and all that is in the packages among them, so that no model is missed.

    Args:
        names: The modules.
        folder: Of the migrations, which are no models.

    Raises:
        ProjectError: One does not exist, or fails when it is imported.
    """
    for name in names:
        package = import_module(name, "models")
        for found in pkgutil.iter_modules(getattr(package, "__path__", ()), f"{name}."):
            if not _is_no_model(found, folder):
                import_models([found.name], folder)


def _is_no_model(module: pkgutil.ModuleInfo, folder: Path) -> bool:
    """It is run, or tests, rather than says what tables there are."""
    name = module.name.rpartition(".")[2]
    where = Path(getattr(module.module_finder, "path", ".")).resolve() / name
    is_test = name in {"tests", "conftest"} or name.startswith("test_")
    return name == "__main__" or is_test or where.is_relative_to(folder.resolve())


def find_projects(start: Path) -> dict[str, Project]:
    """The databases that the nearest `pyproject.toml` with `[tool.activerow]` names, upwards from `start`.

    Raises:
        ProjectError: There is none, or it is not right.
    """
    start = start.resolve()
    for folder in (start, *start.parents):
        file = folder / "pyproject.toml"
        settings = _settings(file) if file.is_file() else None
        if settings is not None:
            return dict(_projects(file, settings))
    raise ProjectError(
        f"no pyproject.toml with [tool.activerow] from {start} upwards; `activerow init` writes one, or give"
        " --database and --models"
    )


def find_project(start: Path, name: str | None = None) -> Project:
    """One of the databases, the only one where no name is given.

    Raises:
        ProjectError: There is no such database, or none was chosen.
    """
    projects = find_projects(start)
    if name is None and len(projects) == 1:
        return next(iter(projects.values()))
    known = ", ".join(sorted(projects))
    if name is None:
        raise ProjectError(f"this project has several databases: {known}; say which one with --name")
    if name not in projects:
        raise ProjectError(f"[tool.activerow] has no database {name!r}; there are: {known}")
    return projects[name]


def _settings(file: Path) -> Mapping[str, Any] | None:
    try:
        content = tomllib.loads(file.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ProjectError(f"{file} is not valid TOML: {error}") from error
    return cast("Mapping[str, Any] | None", content.get("tool", {}).get("activerow"))


def _projects(file: Path, settings: Mapping[str, Any]) -> Iterable[tuple[str, Project]]:
    common = {key: value for key, value in settings.items() if key != "databases"}
    several = cast("Mapping[str, Mapping[str, Any]]", settings.get("databases", {}))
    if not several:
        yield DEFAULT, _project(file, DEFAULT, common)
    for name, own in several.items():
        yield (
            name,
            _project(
                file, name, {"migrations": f"migrations/{name}", "version_table": f"{VERSIONS}_{name}", **common, **own}
            ),
        )


def _project(file: Path, name: str, settings: Mapping[str, Any]) -> Project:
    where = f"{file}: [tool.activerow]"
    unknown = settings.keys() - _KEYS
    if unknown:
        raise ProjectError(f"{where} has no setting {sorted(unknown)[0]!r}; there are: {', '.join(sorted(_KEYS))}")
    database = settings.get("database")
    if not isinstance(database, str) or ":" not in database:
        raise ProjectError(f"{where} needs database = 'package.module:db', the module and name of the Database")
    models, path = settings.get("models", ()), settings.get("path", ())
    for key, value in (("models", models), ("path", path)):
        if isinstance(value, str) or not all(isinstance(entry, str) for entry in value):
            raise ProjectError(f"{where} {key} must be a list of texts")
    version_table = settings.get("version_table", VERSIONS)
    if not isinstance(version_table, str) or not version_table:
        raise ProjectError(f"{where} version_table must be the name of a table")
    root = file.parent
    folder = root / str(settings.get("migrations", "migrations"))
    return Project(name, database, tuple(models), folder, (root, *(root / entry for entry in path)), version_table)
