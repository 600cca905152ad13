"""FastAPI and Starlette: one unit of work per request, committed before the answer."""

from activerow.fastapi.dependency import SessionDep
from activerow.fastapi.install import install
from activerow.fastapi.problems import problem_responses

__all__ = ["SessionDep", "install", "problem_responses"]
