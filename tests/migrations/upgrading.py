"""`python -m tests.migrations.upgrading URL FOLDER [N]`: N processes that upgrade one database at the same time.

Prints the number of revisions that each of them applied.
"""

import asyncio
import os
import sys
from pathlib import Path

from sqlalchemy import make_url

from activerow import Database
from activerow.migrations import Migrations
from tests.migrations.projects import no_models


async def upgrade(url: str, folder: str) -> int:
    """Upgrade; the number of revisions that were applied."""
    database = Database(url, base=no_models())
    try:
        return len(await Migrations(database, Path(folder)).upgrade())
    finally:
        await database.dispose()


def main() -> int:
    """Start the processes at one moment, and wait for them; 1 when one of them failed."""
    url, folder, *count = sys.argv[1:]
    make_url(url).get_dialect()  # before the fork, so that it is imported once
    ready, go = os.pipe()
    children: list[int] = []
    for _ in range(int(count[0]) if count else 1):
        child = os.fork()
        if not child:
            os.close(go)
            os.read(ready, 1)  # which ends when the parent closes the other end
            sys.stdout.write(f"{asyncio.run(upgrade(url, folder))}\n")
            sys.stdout.flush()
            os._exit(0)
        children.append(child)
    os.close(go)
    return int(any(os.waitpid(child, 0)[1] for child in children))


if __name__ == "__main__":
    sys.exit(main() if len(sys.argv) > 3 else asyncio.run(upgrade(*sys.argv[1:3])) * 0)
