"""Commands, each in a process of its own that is forked from one where the library is imported: quick, and real.

`await shell(folder, ["init", "--app"], ["upgrade"])` from a test; `python -m tests.cli.shell` is the other side.
"""

import json
import os
import sys
import tempfile
import traceback
from pathlib import Path

from activerow.cli import main
from tests.migrations.processes import Ended, run_python


async def shell(folder: Path, *commands: list[str], **environment: str) -> list[Ended]:
    """Run commands one after the other in `folder`; a command that begins with `alembic` is Alembic's."""
    done = await run_python("tests.cli.shell", folder=folder, stdin=json.dumps(commands), **environment)
    assert done.code == 0, done.err
    return [Ended(*entry) for entry in json.loads(done.out)]


def run(command: list[str]) -> tuple[int, str, str]:
    """Fork, and run one command."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if not child:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            become(command)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        out.seek(0)
        err.seek(0)
        return code, out.read().decode(), err.read().decode()


def become(command: list[str]) -> None:
    """Run the command in this process, and end with it."""
    code = 0
    try:
        if command[:1] == ["alembic"]:
            from alembic.config import main as alembic  # noqa: PLC0415

            alembic(command[1:], prog="alembic")
        else:
            sys.argv = ["activerow", *command]
            main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001  (a traceback is what the tests look for)
        traceback.print_exc()
        code = 99
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    sys.stdout.write(json.dumps([run(command) for command in json.load(sys.stdin)]))
