"""Why a request was not answered as asked."""

from collections.abc import Sequence

from pydantic import BaseModel, Field


class Fault(BaseModel):
    """One field of the request, and what is wrong with it."""

    loc: Sequence[str | int] = Field(examples=[["body", "email"]])
    msg: str
    type: str


class Problem(BaseModel):
    """Why a request was not answered as asked (RFC 9457)."""

    type: str = Field(description="A word that names the kind of problem and never changes.")
    title: str = Field(description="The kind of problem in a few words.")
    status: int = Field(description="The HTTP status, again.")
    code: str = Field(description="The status and four digits, one number for each kind of problem.")
    message: str = Field(description="A sentence that may be shown to a user.")
    detail: str = Field(description="What was wrong with this request.")
    errors: list[Fault] | None = Field(default=None, description="The fields concerned, where they are known.")
