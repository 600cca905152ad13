"""Users, and what belongs to them: a profile and posts."""

from sqlalchemy import String, Text
from sqlalchemy.dialects.mysql import VARCHAR
from sqlalchemy.orm import Mapped, mapped_column, relationship

from activerow.mixins import Owned, Owner, Timestamps
from shop.models.base import Base

# A name is one user, letter by letter; MySQL's usual collations take `é` for `e`.
USERNAME = String(40).with_variant(VARCHAR(40, collation="utf8mb4_bin"), "mysql", "mariadb")


class User(Base):
    """Somebody who writes posts."""

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(USERNAME, unique=True)
    profile: Mapped["Profile | None"] = relationship(back_populates="user", cascade="all", passive_deletes=True)
    posts: Mapped[list["Post"]] = relationship(
        back_populates="user", cascade="all", passive_deletes=True, order_by="Post.id"
    )


# `Owned` with `owners=` is the mixin of `owned_by(...)` in a form that mypy reads too: each gets `user_id`, the foreign
# key with its index, and `user`.


class Profile(Owned, Base, owners=[Owner(User, back_populates="profile", one_to_one=True, on_delete="CASCADE")]):
    """What a user tells about themselves: at most one for each."""

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int]
    first_name: Mapped[str | None] = mapped_column(String(40))
    last_name: Mapped[str | None] = mapped_column(String(40))
    bio: Mapped[str | None] = mapped_column(Text)
    user: Mapped["User"]


class Post(Owned, Timestamps, Base, owners=[Owner(User, back_populates="posts", on_delete="CASCADE")]):
    """What a user wrote."""

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int]
    title: Mapped[str] = mapped_column(String(100))
    body: Mapped[str] = mapped_column(Text)
    user: Mapped["User"]
