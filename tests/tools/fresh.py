"""A function of a test module in an interpreter of its own, where no other test has left anything."""

import json
import os
import subprocess
import sys
from typing import Any


def fresh(module: str, function: str, *arguments: str) -> Any:
    """What `function` gives for these texts there, as JSON can hold it."""
    program = (
        "import importlib, json, sys; module, function, *given = sys.argv[1:];"
        "print(json.dumps(getattr(importlib.import_module(module), function)(*given)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, module, function, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
