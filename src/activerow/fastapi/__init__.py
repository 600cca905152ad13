"""FastAPI and Starlette: one unit of work per request, committed before the answer."""

from activerow.fastapi.dependency import SessionDep
from activerow.fastapi.filters import Chosen, filters
from activerow.fastapi.install import install
from activerow.fastapi.problems import problem_responses

__all__ = ["Chosen", "SessionDep", "filters", "install", "problem_responses"]
