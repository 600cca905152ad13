"""FastAPI and Starlette: one unit of work per request, committed before the answer."""

from activerow.fastapi.dependency import SessionDep
from activerow.fastapi.filters import Chosen, filters
from activerow.fastapi.install import install
from activerow.fastapi.installation import problem_response
from activerow.fastapi.problem_table import Problem
from activerow.fastapi.problems import Problems, problem_responses

__all__ = [
    "Chosen",
    "Problem",
    "Problems",
    "SessionDep",
    "filters",
    "install",
    "problem_response",
    "problem_responses",
]
