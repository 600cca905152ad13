"""Methods of the class alone, or of an instance alone."""

import inspect
from typing import Any

import pytest

from activerow.errors import InstanceMethodError
from activerow.mapping.methods import on_class, on_instance


class Animal:
    """Has one method of each kind."""

    @on_class
    @classmethod
    def find(cls, name: str) -> str:
        """Look for one."""
        return f"{cls.__name__} {name}"

    @on_instance
    def update(self, name: str) -> str:
        """Change this one."""
        return f"{type(self).__name__} {name}"


class Dog(Animal):
    """Adds to both."""

    @on_class
    @classmethod
    def find(cls, name: str) -> str:
        return super().find(name) + "!"

    @on_instance
    def update(self, name: str) -> str:
        return super().update(name) + "!"


def test_each_works_where_it_belongs() -> None:
    """The class finds, the instance updates; `super()` reaches the methods that were overridden."""
    assert (Animal.find("x"), Animal().update("x")) == ("Animal x", "Animal x")
    assert (Dog.find("x"), Dog().update("x")) == ("Dog x!", "Dog x!")


def test_a_class_method_refuses_an_instance() -> None:
    """The error is a `NotImplementedError` and says what to write."""
    dog: Any = Dog()

    with pytest.raises(InstanceMethodError, match=r"write Dog\.find\(\.\.\.\)") as caught:
        dog.find("x")

    assert isinstance(caught.value, NotImplementedError)


def test_an_instance_method_refuses_the_class() -> None:
    """The error names the way for one row, and for many where a query can do it."""
    kind: Any = Dog

    with pytest.raises(
        InstanceMethodError, match=r"await Dog\.get\(.*await row\.update\(.*filter_by\(\.\.\.\)\.update"
    ):
        kind.update(name="x")


def test_reading_the_name_on_the_wrong_side_is_harmless() -> None:
    """Debuggers, `inspect` and Pydantic walk over attributes; only a call is refused."""
    members = dict(inspect.getmembers(Dog())) | dict(inspect.getmembers(Dog))

    assert callable(members["find"])
    assert inspect.getdoc(Animal.update) == "Change this one."
    assert list(inspect.signature(Animal.update).parameters) == ["self", "name"]
