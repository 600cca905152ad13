"""What those who run the service may do: see who they are, try notifications again, block users."""

from collections.abc import Sequence

from activerow.types import utc_now
from notification.errors import LoginFailedError, OwnAccountError
from notification.models import Admins, Delivery, Notifications, RefreshTokens, Users, UserStatus, db, new_stamp
from notification.security.known_keys import KnownKeys
from notification.security.passwords import Passwords
from notification.use_cases.accounts import recognised


async def log_in_admin(email: str, password: str, passwords: Passwords) -> Users:
    """The active admin with this e-mail and password.

    Raises:
        LoginFailedError: There is none: the answer is the same for a user who is no admin.
    """
    user = await recognised(email, password, passwords)
    if not await Admins.filter_by(user_id=user.id).exists():
        raise LoginFailedError
    return user


async def active_admin(user_id: int) -> Users | None:
    """The admin with this id, None when it is not one, or no longer, or the account is not active."""
    user = await Users.get_or_none(user_id)
    if user is None or user.status is not UserStatus.active or not await Admins.filter_by(user_id=user_id).exists():
        return None
    return user


async def appoint(email: str) -> Users | None:
    """Make the user with this e-mail an admin, who may be one already; None when there is no such user."""
    user = await Users.filter_by(email=email.lower()).first()
    if user is not None:
        await Admins.get_or_create({"user_id": user.id})
    return user


async def waiting_and_dead() -> tuple[int, int]:
    """How many notifications wait for delivery, and how many could not be delivered."""
    waiting = await Notifications.where(Notifications.status.in_([Delivery.queued, Delivery.failed])).count()
    return waiting, await Notifications.filter_by(status=Delivery.dead).count()


async def queue_depth() -> dict[str, int]:
    """How many notifications have each status but `sent`, of which there is no end."""
    unsent = [status for status in Delivery if status is not Delivery.sent]
    return {status: await Notifications.filter_by(status=status).count() for status in unsent}


async def try_again(ids: Sequence[int]) -> int:
    """Queue those of the notifications that are dead, as if new; returns how many they were."""
    dead = Notifications.where(Notifications.id.in_(ids), Notifications.status == Delivery.dead)
    return await dead.update(status=Delivery.queued, attempts=0, due_at=utc_now(), claimed_until=None)


async def block(user_id: int, known_keys: KnownKeys, *, by: int) -> bool:
    """Block an active user, whose sessions end and whose keys open nothing; False when the user is not active.

    Raises:
        OwnAccountError: Nobody blocks themselves.
    """
    if user_id == by:
        raise OwnAccountError
    async with db.transaction():
        active = Users.where(Users.id == user_id, Users.status == UserStatus.active)
        if not await active.update(status=UserStatus.blocked, stamp=new_stamp()):
            return False
        await RefreshTokens.filter_by(user_id=user_id, revoked_at=None).update(revoked_at=utc_now())
        db.on_commit(lambda: known_keys.forget_keys_of(user_id))
    return True


async def unblock(user_id: int, known_keys: KnownKeys) -> bool:
    """Let a blocked user in again; False when the user is not blocked."""
    async with db.transaction():
        blocked = Users.where(Users.id == user_id, Users.status == UserStatus.blocked)
        done = bool(await blocked.update(status=UserStatus.active))
        db.on_commit(lambda: known_keys.forget_keys_of(user_id))
    return done
