"""Mistakes that both checkers find: each comment here is an error itself as soon as the line below it is none."""
# pyright: reportUnnecessaryTypeIgnoreComment=true

from typing_tests.model import User


async def typos() -> None:
    """Attributes, methods and links that do not exist, and values of the wrong kind."""
    User.where(User.typo == 1)  # type: ignore[attr-defined]
    User.query().include(User.psts)  # type: ignore[attr-defined]
    User.query().lmit(1)  # type: ignore[attr-defined]
    User.query().limit("1")  # type: ignore[arg-type]
    User.query().include("posts", were=User.age > 3)  # type: ignore[call-arg]
    await User.query().frist()  # type: ignore[attr-defined]


async def unawaited() -> None:
    """A row that may be missing is not used unseen."""
    user = await User.filter_by(email="a@b.c").first()
    print(user.name)  # type: ignore[union-attr]  # noqa: T201
