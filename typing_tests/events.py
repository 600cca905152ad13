"""What an editor shows for hooks, subscriptions, versions and history; checked, never run."""

from typing import assert_type

from sqlalchemy.orm import Mapped, mapped_column

from activerow import audit, events
from activerow.mixins import Audited, AuditLog, Versioned
from typing_tests.model import Base, User


class Account(Audited, Versioned, Base):
    """A row with a version and a history."""

    id: Mapped[int] = mapped_column(primary_key=True)

    async def before_update(self, changes: dict[str, tuple[object, object]]) -> None:
        """A hook may ask for what changed."""
        assert_type(changes, dict[str, tuple[object, object]])
        assert_type(self.version, int)


@events.after_create(User)
async def welcome(user: User) -> str:
    """A decorator leaves its function as it is."""
    return user.email


@events.committed(User, Account)
def told(changes: list[events.Change]) -> None:
    """The changes of a commit."""
    assert_type(changes[0].key, tuple[object, ...])
    assert_type(changes[0].changes, dict[str, tuple[object, object]])


async def rows(account: Account, user: User) -> None:
    """The methods that mixins declare."""
    assert_type(await welcome(user), str)
    assert_type(account.expect_version(3), Account)
    assert_type(await account.expect_version(3).update(), Account | None)
    assert_type(await account.history(limit=5), list[AuditLog])
    assert_type(audit.current_actor(), str | None)
