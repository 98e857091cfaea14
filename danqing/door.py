"""What every command shares: the home, the signals, and how errors leave."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .documents import error_document, exit_code, parts
from .interrupt import EXIT_CODE, Interruption

if TYPE_CHECKING:
    from .agent.home import Home
    from .agent.ledger import Ledger
    from .agent.studio import Studio
    from .agent.vault import Secret
    from .tools.errors import DanqingError


Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass
class Door:
    """The options before the command's name, and the signals of the process."""

    interruption: Interruption = field(default_factory=Interruption)
    home: str | None = None
    _secret: Secret | None = field(default=None, repr=False)

    @property
    def place(self) -> Path:
        """Where the home is, or would be."""
        from .agent.home import Home

        return Home.place(self.home)

    def unlock(self) -> None:
        """Ask for the passphrase of an encrypted home, where somebody sits there to be asked and
        the environment does not tell it."""
        from .agent import vault
        from .agent.home import Home

        if self._secret is not None or not sys.stdin.isatty():
            return
        header = vault.header_at(Home(self.place).ledger)
        if header is None or header.get("kind") != "passphrase":
            return
        if vault.Secret.of_environment("passphrase") is None:
            text = click.prompt("Passphrase", hide_input=True, err=True)
            self._secret = vault.Secret.passphrase(text)

    def opened(self) -> Home:
        """The home, with what opens it."""
        from .agent.home import Home

        self.unlock()
        return replace(Home.open(self.home), secret=self._secret)

    @contextmanager
    def studio(
        self, models: str, llm: str = "builtin", *, batching: bool = False
    ) -> Iterator[Studio]:
        """A studio that ends its running step, and its turn with it, on the first Ctrl-C."""
        from .agent.studio import Studio

        with Studio(self.opened(), models=models, llm=llm, batching=batching) as studio:
            studio.cancel = self.interruption.asked
            yield studio

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """The ledger alone, for commands that run nothing."""
        from .agent.ledger import Ledger

        with Ledger(self.opened()) as ledger:
            yield ledger

    def command(self, name: str) -> str:
        """How to type the command ``name`` for this same home."""
        return f"danqing --home {self.home} {name}" if self.home else f"danqing {name}"


class Group(click.Group):
    """The commands, each of which ends with an exit code and one message instead of a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()  # a closed pipe shows here and not at the interpreter's end
            return result
        except (click.exceptions.Exit, click.ClickException, click.Abort):
            raise
        except KeyboardInterrupt:
            click.echo("Stopped as you asked.", err=True)
            ctx.exit(EXIT_CODE)
        except Exception as error:
            from .tools.errors import DanqingError

            if not isinstance(error, DanqingError):
                raise
            complain(error)
            ctx.exit(exit_code(error))


def llm_option(command: Command) -> Command:
    """Who plans."""
    return click.option(
        "--llm", metavar="NAME|URL", envvar="DANQING_LLM", show_envvar=True,
        help="Who plans: builtin, sketchbook, hf:FOLDER, openai:MODEL and the like, http://HOST/v1#MODEL.",
    )(command)  # fmt: skip


def llm_options(command: Command) -> Command:
    """Who plans, and what they may see."""
    sees = click.option(
        "--llm-sees", is_flag=True, help="Let the language model look at pictures, too."
    )
    return llm_option(sees(command))


def models_option(command: Command) -> Command:
    """What to draw with."""
    return click.option(
        "--models", "profile", metavar="NAME|FOLDER", help="What to draw with."
    )(command)  # fmt: skip


def preview_option(command: Command) -> Command:
    """Whether a picture is shown while it is drawn."""
    return click.option(
        "--preview/--no-preview", default=True, envvar="DANQING_PREVIEW", show_envvar=True,
        help="Show the picture while it is drawn, where the terminal can.",
    )(command)  # fmt: skip


def complain(error: DanqingError) -> None:
    """Tell the user on standard error, one line for each thing to know."""
    first, *rest = parts(error).values()
    mark = "danqing:"
    if sys.stderr.isatty() and not os.environ.get("NO_COLOR"):
        mark = click.style(mark, fg="red")
    click.echo(f"{mark} {first}", err=True)
    for line in rest:
        click.echo(f"  {line}", err=True)


@contextmanager
def user_named() -> Iterator[None]:
    """A `ToolError` about a handle that the user typed is bad usage, not a failure."""
    from .tools.errors import BadInput, ToolError

    try:
        yield
    except ToolError as error:
        message = str(error)
        raise BadInput(message[:1].upper() + message[1:] + ".") from None


def place(out: str) -> str:
    """The absolute path of ``out``, where a file can be written; `BadInput` says why not.

    Absolute, since a turn may be resumed from another folder.
    """
    from .tools.errors import BadInput

    if "\0" in out:
        raise BadInput(f"{out!r} is no name for a file.")
    path = Path(os.path.expanduser(out)).absolute()
    if path.is_dir():
        raise BadInput(f"{path} is a folder.", hint="Add the picture's name, as in autumn.png.")
    check_folder(path.parent)
    return str(path)


def check_folder(folder: Path) -> None:
    """Raise `BadInput` unless files can be written in ``folder``."""
    from .tools.errors import BadInput

    if not folder.is_dir():
        raise BadInput(f"There is no folder {folder}.", hint="Make it, or name another.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise BadInput(f"Nothing can be written in {folder}.", hint="Name another folder.")


def print_json(document: dict[str, Any]) -> None:
    """One document on one line, in UTF-8 whatever the terminal's encoding."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False)
    click.echo(text.encode("utf-8", "replace"))
    sys.stdout.flush()


def each_line(door: Door, path: str, answer: Callable[[str], tuple[dict[str, Any], int]]) -> int:
    """Print one document for each line of the file at ``path`` ("-": standard input).

    An error on a line becomes its document, and the next line is taken. Returns 1 when a line
    failed, else 3 when one left claims unmet, else 0; a user's stop ends the lines with 130.
    """
    from .tools.errors import BadInput, Cancelled, DanqingError

    codes = {0}
    try:
        stream = click.open_file(path, "r", encoding="utf-8-sig", errors="surrogateescape")
    except OSError as error:
        raise BadInput(f"{path!r} cannot be read: {error.strerror}.") from None
    with stream as lines:
        while True:
            with door.interruption.raising():
                line = lines.readline()
            if not line:
                break
            request = line.rstrip("\r\n")
            try:
                document, code = answer(request)
            except DanqingError as error:
                document, code = error_document(request, error), 1
                if isinstance(error, Cancelled):
                    print_json(document)
                    raise
            print_json(document)
            codes.add(code)
    return 1 if 1 in codes else max(codes)
