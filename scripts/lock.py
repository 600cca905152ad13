"""Write `requirements/*.txt` from `pyproject.toml`: the service's and the gate's packages, by version and hash."""

import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[1]
LOCKS = {
    "run": ["--extra", "fastapi", "--extra", "sqlite", "--extra", "postgresql", "--extra", "mysql", "--group", "app"],
    "dev": ["--all-extras", "--group", "dev", "--constraint", "requirements/run.txt"],
    "bench": ["--extra", "sqlite", "--extra", "postgresql", "--extra", "mysql", "--group", "bench"],
}
FORM = [
    "--universal",
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-annotate",
    "--no-header",
    "--no-config",
    "--system-certs",
    "--upgrade",
]


def main() -> None:
    """Choose the newest versions that fit; where a package came from is not written down."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("UV_", "PIP_"))}
    for name, choice in LOCKS.items():
        target = PROJECT / "requirements" / f"{name}.txt"
        command = [
            sys.executable,
            "-m",
            "uv",
            "pip",
            "compile",
            "pyproject.toml",
            *choice,
            *FORM,
            "-q",
            "-o",
            str(target),
        ]
        subprocess.run(command, cwd=PROJECT, env=environment, check=True)
        if "://" in target.read_text():
            raise SystemExit(f"{target} names a server")


if __name__ == "__main__":
    main()
