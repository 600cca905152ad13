"""The shop's code keeps to its layers, and its settings and errors are documented."""

import ast
from pathlib import Path

import pytest
from pydantic_settings import SettingsConfigDict

import shop
from serving.settings import PROJECT_FOLDER
from shop.app import create_app
from shop.problems import PROBLEMS
from shop.settings import PREFIX, Settings
from tests.shop.service import PlainSettings

PACKAGE = Path(shop.__file__).parent
HANDLERS = sorted([*(PACKAGE / "routes").glob("*.py"), *(PACKAGE / "use_cases").glob("*.py"), PACKAGE / "deps.py"])
FORBIDDEN = {"commit", "rollback", "close", "add", "add_all", "flush", "execute", "session"}


@pytest.mark.parametrize("file", HANDLERS, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_handlers_and_use_cases_contain_no_session_code(file: Path) -> None:
    """No commit, no flush, no session; and no use case knows HTTP."""
    source = file.read_text(encoding="utf-8")
    attributes = {node.attr for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)}

    assert FORBIDDEN & attributes == set()
    assert "HTTPException" not in source
    assert file.parent.name != "use_cases" or "fastapi" not in source


@pytest.mark.parametrize("file", sorted((PACKAGE / "routes").glob("*.py")), ids=lambda file: file.name)
def test_a_route_is_short(file: Path) -> None:
    """A body is taken, one thing is called, a schema is returned."""
    tree = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    functions = [node for node in tree if isinstance(node, ast.AsyncFunctionDef)]

    assert all((node.end_lineno or 0) - node.body[0].lineno < 8 for node in functions)


def test_settings_and_errors_are_documented() -> None:
    """The page about the shop lists them, `.env.example` has the defaults."""
    page = (PROJECT_FOLDER / "docs" / "shop.md").read_text(encoding="utf-8")
    example = (PROJECT_FOLDER / ".env.example").read_text(encoding="utf-8")
    names = [f"{PREFIX}{name.upper()}" for name in Settings.model_fields]
    codes = [row.code for row in PROBLEMS.values()]

    assert [name for name in names if f"`{name}`" not in page or f"{name}=" not in example] == []
    assert [code for code in codes if f"`{code}`" not in page] == []
    assert len(set(codes)) == len(codes)
    assert [row for row in PROBLEMS.values() if not str(row.code).startswith(str(row.status))] == []


def test_the_example_is_the_default() -> None:
    """A copy of `.env.example` changes nothing."""

    class ExampleSettings(Settings):
        model_config = SettingsConfigDict(env_file=PROJECT_FOLDER / ".env.example")

    assert ExampleSettings().model_dump() == PlainSettings().model_dump()


def test_openapi_lists_the_filters() -> None:
    """A reader of `/docs` sees what can be asked of a list."""
    app = create_app(PlainSettings(database_url="sqlite://"))

    operation = app.openapi()["paths"]["/api/v1/products"]["get"]

    described = {each["name"]: each.get("description") for each in operation["parameters"]}
    assert described["price__gte"] == "This or more."
    assert {"name__icontains", "sort", "page", "size"} <= described.keys()
