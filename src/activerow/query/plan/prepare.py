"""Statements made once: SQL of a dialect, whose parameters are places for the values of a call."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Select
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import StatementError
from sqlalchemy.sql.compiler import SQLCompiler

from activerow.database.direct import Command

Load = Callable[[Any], Any]


class PreparedStatement:
    """One statement for one dialect.

    Attributes:
        command: What the driver is given.
        load: What is made of its rows.
        tail: Constants that follow the values of a call, which are parameters as they are and in their order; None
            where `parameters` has to make them.
    """

    __slots__ = ("_names", "_places", "command", "load", "tail")

    def __init__(
        self,
        statement: Any,
        places: Sequence[str],
        dialect: Dialect,
        load: Any,
        *,
        model: type,
        writes: bool = False,
        returns: bool = True,
    ) -> None:
        compiled: Any = statement.compile(dialect=dialect)
        if compiled.post_compile_params or compiled.literal_execute_params:
            raise NotImplementedError("a statement whose text depends on the values")
        self.load: Any = load
        self.command = Command(compiled.string, model, writes, returns)
        order = compiled.positiontup if compiled.positional else [*compiled.bind_names.values()]
        self._names = None if compiled.positional else [_in_text(compiled, name) for name in order]
        numbers = {name: number for number, name in enumerate(places)}
        self._places = [_place(compiled, name, numbers) for name in order or ()]
        self.tail = None if self._names else _tail(self._places, len(places))

    def parameters(self, values: Sequence[object]) -> Any:
        """The parameters of the statement for the values of a call.

        Raises:
            StatementError: A value could not be converted.
        """
        try:
            given = [
                constant if number is None else values[number] if convert is None else convert(values[number])
                for number, convert, constant in self._places
            ]
        except Exception as error:
            raise StatementError(str(error), self.command.sql, None, error) from error
        return given if self._names is None else dict(zip(self._names, given, strict=True))


def _tail(places: Sequence[tuple[int | None, Load | None, object]], count: int) -> tuple[object, ...] | None:
    """The constants behind `count` values that are given as they are."""
    given, constants = places[:count], places[count:]
    as_they_are = [number for number, convert, _ in given if convert is None] == list(range(count))
    if not as_they_are or any(number is not None for number, _, _ in constants):
        return None
    return tuple(constant for _, _, constant in constants)


def _place(compiled: Any, name: str, numbers: Mapping[str, int]) -> tuple[int | None, Load | None, object]:
    """Which value stands at a parameter and how it is converted; or a constant that the compiler added."""
    convert, bind = compiled._bind_processors.get(name), compiled.binds[name]
    if bind.key in numbers:
        return numbers[bind.key], convert, None
    constant = bind.effective_value
    return None, None, constant if convert is None else convert(constant)


def _in_text(compiled: Any, name: str) -> str:
    """A parameter as the text calls it, in which its name may not have every letter."""
    return cast("str", compiled.escaped_bind_names.get(name, name))


def compiled_once(
    statement: Select[Any], dialect: Dialect, cache: dict[Any, Any], parameters: Mapping[str, object] | None = None
) -> tuple[str, Any]:
    """SQL and parameters of any statement; SQLAlchemy's cache knows it again by its structure.

    Raises:
        StatementError: A value could not be converted.
    """
    internals: Any = statement
    compiled, extracted, given, _ = internals._compile_w_cache(dialect, compiled_cache=cache, column_keys=[])
    plain: SQLCompiler = compiled
    if compiled.update_prefetch or compiled.insert_prefetch:
        raise NotImplementedError("defaults that are made when a statement is executed")
    named: dict[str, Any] = {**cast("Mapping[str, Any]", given or {}), **(parameters or {})}
    values = dict(plain.construct_params(named, extracted_parameters=extracted, escape_names=False))
    sql, converters = plain.string, compiled._bind_processors
    order: Sequence[str] | None = plain.positiontup
    if plain.post_compile_params or plain.literal_execute_params:
        state = plain.construct_expanded_state(values, escape_names=False)
        sql, order, values = state.statement, state.positiontup, dict(state.parameters)
        converters = {**converters, **state.processors}
    try:
        for name, convert in converters.items():
            if name in values:
                values[name] = convert(values[name])
    except Exception as error:
        raise StatementError(str(error), sql, None, error) from error
    if order is None:
        return sql, {_in_text(plain, name): value for name, value in values.items()}
    return sql, [values[name] for name in order]
