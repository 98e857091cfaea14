"""``danqing doctor``: is everything in place?"""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from .door import Door, llm_options

if TYPE_CHECKING:
    from .agent.home import Home
    from .tools.catalogue import Entry

LIBRARIES = (
    "torch", "torchvision", "diffusers", "transformers", "accelerate", "controlnet-aux",
    "langchain", "langgraph", "pillow", "pydantic", "rich", "click",
)  # fmt: skip
LITTLE_SPACE = 1 << 30
"""Below this many free bytes the doctor warns."""


class Finding(NamedTuple):
    """One thing looked at: ``well`` is False for what must be mended, None for a remark."""

    well: bool | None
    name: str
    said: str


@click.command()
@llm_options
@click.pass_context
def doctor(ctx: click.Context, llm: str | None, llm_sees: bool) -> None:
    """Check libraries, models, planner, home, disk and terminal, and say what is sent where; the
    exit code is 1 when one is ill."""
    from .display import columns

    door: Door = ctx.obj
    findings = [
        *_machine(),
        *_libraries(),
        *_weights(door.place),
        _planner(llm, llm_sees),
        *_home(door),
        *_terminal(),
    ]
    marks = {True: "✓", False: "✗", None: "–"}
    columns([(marks[f.well], f.name, f.said) for f in findings], (None, "cyan", None))
    ctx.exit(1 if any(f.well is False for f in findings) else 0)


def _machine() -> Iterator[Finding]:
    yield Finding(True, "python", f"{platform.python_version()} at {sys.executable}")
    if shutil.which("nvidia-smi") or Path("/proc/driver/nvidia").exists():
        device = "an NVIDIA driver is installed; CUDA is used where torch can"
    elif sys.platform == "darwin" and platform.machine() == "arm64":
        device = "Apple silicon; MPS is used where torch can"
    else:
        device = f"no GPU driver found; the CPU is used ({os.cpu_count()} cores)"
    yield Finding(True, "device", device)


def _libraries() -> Iterator[Finding]:
    missing, found = [], []
    for name in LIBRARIES:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(name)
    yield Finding(True, "libraries", ", ".join(found))
    if missing:
        yield Finding(False, "libraries", f"missing: {', '.join(missing)}")
    yield from _opencv({d.name.lower().replace("_", "-") for d in metadata.distributions()})


def _opencv(installed: set[str]) -> Iterator[Finding]:
    here = sorted(name for name in installed if name.startswith("opencv-"))
    if len(here) > 1:
        yield Finding(
            False, "opencv",
            f"{' and '.join(here)} overwrite each other's files: uninstall them all, then install"
            " opencv-python-headless",
        )  # fmt: skip
    elif here:
        yield Finding(True, "opencv", f"{here[0]} {metadata.version(here[0])}")
    else:
        yield Finding(False, "opencv", "missing: opencv-python-headless")


def _weights(home: Path) -> Iterator[Finding]:
    from .tools import catalogue
    from .tools.errors import Stopped

    try:
        profiles = catalogue.profiles(home)
    except Stopped as stopped:
        yield Finding(False, "models", str(stopped))
        return
    seen: list[Entry] = []
    torn: list[Path] = []
    for name, profile in profiles.items():
        for role, entry in profile.models.items():
            if entry in seen:
                continue
            seen.append(entry)
            what = f"{name}/{role}"
            if entry.repositories and not entry.ready:  # not downloaded, or not any more
                for file in _torn(entry):
                    if file not in torn:  # profiles may share it
                        torn.append(file)
                        mend = f"`danqing models pull {name} {role}` mends it"
                        yield Finding(False, what, f"{file} is not as it came: {mend}")
                continue
            try:
                for source in catalogue.entry(profile, role).sources:
                    catalogue.check_weights(source.folder, source.weights)
            except Stopped as stopped:
                yield Finding(False, what, str(stopped))
            else:
                yield Finding(True, what, f"whole, {catalogue.models_fingerprint(profile, role)}")


def _torn(entry: Entry) -> Iterator[Path]:
    """The files that were whole when they were taken from a hub, and are not now."""
    from .tools import manifest

    for source in entry.sources:
        if source.repository and (taken := manifest.read(source.folder)) is not None:
            yield from (source.folder / path for path in taken.torn(source.folder))


def _planner(llm: str | None, sees: bool) -> Finding:
    """Who plans, and what they are sent; nobody is called."""
    from .agent.llm.address import Address
    from .commands import read_llm
    from .tools.errors import BadInput
    from .words import sent

    try:
        address = Address.parse(read_llm(llm))
    except BadInput as error:
        return Finding(False, "planner", str(error))
    return Finding(True, "planner", f"{address.name}. {sent(address, sees, 'en')}")


def _home(door: Door) -> Iterator[Finding]:
    from .agent.ledger import Ledger
    from .tools.errors import Stopped

    try:
        home = door.opened()
        with Ledger(home) as ledger:
            sealed = ledger.sealed
            wrong = ledger.check()
            turns, cut_short = len(ledger.turns(1_000_000)), len(ledger.unfinished())
    except Stopped as stopped:
        yield Finding(False, "home", str(stopped))
        return
    mode = home.root.stat().st_mode & 0o777
    private = mode & 0o077 == 0
    yield Finding(private, "home", f"{home.root}, {'private' if private else f'open ({mode:o})'}")
    if sealed:
        copies = len(list(home.pictures.glob("img-*.png")))
        said = f"encrypted; but {copies} plain copies are in {home.pictures}" if copies else ""
        yield Finding(None if copies else True, "home", said or "encrypted")
    for problem in wrong:
        yield Finding(False, "ledger", problem)
    if not wrong:
        yield Finding(True, "ledger", f"whole; {turns} turns")
    if cut_short:
        yield Finding(None, "ledger", f"{cut_short} cut short: {door.command('resume')}")
    yield _space(home)


def _space(home: Home) -> Finding:
    free = shutil.disk_usage(home.root).free
    said = f"{free / 2**30:.1f} GiB free"
    return Finding(True if free >= LITTLE_SPACE else None, "disk", said)


def _terminal() -> Iterator[Finding]:
    from .terminal import protocol
    from .tools.errors import BadInput

    words = {
        "kitty": "pictures by the kitty protocol",
        "iterm": "pictures by iTerm2's inline images",
        "blocks": "pictures in half blocks",
        "none": "no pictures, only their paths",
    }
    try:
        yield Finding(
            True, "terminal", words[protocol(os.environ, is_terminal=sys.stdout.isatty())]
        )
    except BadInput as error:
        yield Finding(False, "terminal", str(error))
