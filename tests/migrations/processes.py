"""Running Python in a process of its own."""

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ended:
    """How a process ended, and what it said."""

    code: int
    out: str
    err: str


async def run_python(module: str, *arguments: str, folder: Path = ROOT, stdin: str = "", **environment: str) -> Ended:
    """Run `python -m module` to its end."""
    path = os.pathsep.join((str(ROOT / "src"), str(ROOT)))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", module, *arguments),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, **environment},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(stdin.encode())
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())
