"""The smallest bot: a line of standard input is who says what, and the answer is printed.

    python examples/bots/minimal.py [--home FOLDER] < examples/bots/said.txt

Each name has a session of its own. For another service put its messages in the place of the lines,
and its way to send words and pictures in the place of `print`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable

from danqing import DanqingError, Options, Session, Studio
from danqing.agent.events import Event, Phase


def talk(studio: Studio, lines: Iterable[str]) -> None:
    """Answer one line after another."""
    sessions: dict[str, Session] = {}
    for line in lines:
        name, _, words = line.strip().partition(": ")
        if name not in sessions:
            sessions[name] = Session(studio, Options(seed=0))  # each turn draws a seed of its own
        print(f"{name}: {words}")
        try:
            said = sessions[name].say(words, listener=progress)
        except DanqingError as error:  # it says what is wrong, in words for the user
            print(f"  {error}")
            continue
        print("  " + said.words.replace("\n", "\n  "))
        for handle in said.pictures:
            print(f"  [{handle}: {studio.save(handle)}]")


def progress(event: Event) -> None:
    """Show what the studio is at."""
    if isinstance(event, Phase):
        print(f"  {event.name} …", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", help="where everything is kept, if not in the usual place")
    with Studio(parser.parse_args().home) as studio:
        studio.warm_up()
        talk(studio, sys.stdin)


if __name__ == "__main__":
    main()
