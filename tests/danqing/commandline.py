"""The command line as tests call it: in this process, or in one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

from click.testing import CliRunner, Result

from danqing.commands import danqing

REPOSITORY = Path(__file__).parents[2]
CHILD = """
from pathlib import Path
from danqing.tools import catalogue
catalogue.BUILT_IN = Path({path!r})
from danqing.cli import main
main()
"""


def call(*arguments: str, text: str | bytes | None = None) -> Result:
    """Run a command in this process; a bug travels on."""
    result = CliRunner().invoke(danqing, list(arguments), input=text)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def process(
    *arguments: str,
    toys: Path | None = None,
    out: int | IO[Any] = subprocess.PIPE,
    err: int | IO[Any] = subprocess.PIPE,
) -> subprocess.Popen[bytes]:
    """Start a command in a process of its own, with the toy models of a catalogue."""
    program = ["-m", "danqing"] if toys is None else ["-c", CHILD.format(path=str(toys))]
    path = os.pathsep.join([str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.Popen(
        [sys.executable, *program, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=err,
        env=os.environ | {"PYTHONPATH": path},
    )
