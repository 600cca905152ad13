"""One statement by the driver's own call, without a Session: committed by itself, in one round trip.

- `command`: the statement, and what the channel must know of it.
- `channels`: the channel of an engine, for the drivers that have one.
- `channel`: takes a connection of the pool that units use too, runs a command, gives the connection back.
- `recovering`: what happens when that fails.
- `watching`: whether anybody but activerow listens to the engine.
- `wrapping`: what a driver raises, as SQLAlchemy would raise it.
- `private`: what is used of SQLAlchemy and the drivers that they do not promise to keep.
- `asyncpg`, `psycopg`, `sqlite`, `mysql`: the calls of the drivers; `toggled`: of those that must be told to commit.
"""

from activerow.database.direct.channel import Channel, Holding
from activerow.database.direct.channels import channel_of
from activerow.database.direct.command import Command

__all__ = ["Channel", "Command", "Holding", "channel_of"]
