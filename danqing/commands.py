"""The commands that work on requests. What is heavy is imported when they run, not for --help."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .bot_command import bot
from .by_hand import tool
from .chat.start import chat
from .doctor import doctor
from .documents import brief_document, error_document, turn_document
from .door import (
    Command,
    Door,
    Group,
    each_line,
    llm_option,
    llm_options,
    place,
    preview_option,
    print_json,
    user_named,
)
from .keys_command import keys
from .lookup import completion, history, show, tools
from .mcp_command import mcp
from .model_commands import models
from .recipes import export, run
from .serve import serve
from .sessions_command import forget, sessions
from .vault_command import decrypt, encrypt

if TYPE_CHECKING:
    from collections.abc import Callable

    from .agent.brief import Brief, Language
    from .agent.studio import Options, Studio


@click.group(
    cls=Group, context_settings={"help_option_names": ["-h", "--help"]}, invoke_without_command=True
)
@click.option(
    "--home", type=click.Path(), metavar="FOLDER", help="Keep everything in FOLDER ($DANQING_HOME)."
)
@click.version_option(package_name="danqing", message="%(prog)s %(version)s")
@click.pass_context
def danqing(ctx: click.Context, home: str | None) -> None:
    """Danqing 丹青, a studio you talk to: say what the picture shows, in English or Chinese.

    \b
    danqing                    opens the chat
    danqing draw "a red house on the left, two trees, a winter night"
    danqing draw "生成一张风景优美的秋天的照片" -o autumn.png

    Exit codes: 0 satisfied, 3 finished with claims unmet, 2 bad usage, 1 failed, 130 cancelled.
    """
    door = ctx.obj or Door()
    door.home = home
    ctx.obj = door
    if ctx.invoked_subcommand is None:
        with chat.make_context("chat", [], parent=ctx) as context:  # reads the environment, too
            chat.invoke(context)


def _lines(command: Command) -> Command:
    return click.option(
        "--lines", "lines", metavar="FILE",
        help="One request a line in (- for standard input), one JSON document a line out.",
    )(command)  # fmt: skip


def _json(command: Command) -> Command:
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(command)


@danqing.command()
@click.argument("request", required=False)
@click.option("-o", "--out", metavar="FILE", help="Save the picture here: .png, .jpg or .webp.")
@_json
@_lines
@click.option("--seed", type=int, metavar="N", help="Draw from this seed, not from a random one.")
@click.option("--size", metavar="WxH", help="Width and height in pixels, or one number for both.")
@click.option("--budget", metavar="LIST", help="The most to use, as in pictures=8,seconds=60.")
@click.option(
    "--models",
    "profile",
    metavar="NAME|FOLDER",
    help="What to draw with: a profile, or the folder of a Stable Diffusion pipeline.",
)
@llm_options
@click.option("--no-metadata", is_flag=True, help="Keep request, seeds and models out of the file.")
@preview_option
@click.option("--quiet", "-q", is_flag=True, help="Print only the picture's path, or the answer.")
@click.pass_context
def draw(
    ctx: click.Context, /, request: str | None, as_json: bool, lines: str | None, preview: bool,
    quiet: bool, **choices: Any,
) -> None:  # fmt: skip
    """Draw what REQUEST says, check the picture claim by claim, and repair it.

    With --lines the exit code is 1 when a line failed, else 3 when one left claims unmet.
    """
    _one_of(request, lines)
    if lines is not None and choices["out"] is not None:
        raise click.UsageError("--out names one file; with --lines the pictures go to the home.")
    door: Door = ctx.obj
    with door.interruption.flagging():
        options = read_options(**choices)
        with door.studio(options.models, options.llm) as studio:
            studio.warm_up()
            watched = not (quiet or as_json or lines)
            studio.previews = preview and watched and _can_preview()
            if lines is None:
                assert request is not None
                code = _draw_one(door, studio, request, options, as_json, quiet)
            else:
                code = _draw_lines(door, studio, lines, choices)
    ctx.exit(code)


def _can_preview() -> bool:
    from .display import can_preview, messages

    return can_preview(messages())


def _draw_one(
    door: Door, studio: Studio, request: str, options: Options, as_json: bool, quiet: bool
) -> int:
    from .display import show_turn, watching
    from .tools.errors import DanqingError

    try:
        with watching(
            door.interruption, quiet=quiet or as_json, language=_language(request)
        ) as listener:
            turn = studio.ask(request, options, listener=listener)
    except DanqingError as error:
        _say_how_to_resume(door, error)
        if as_json:
            print_json(error_document(request, error))
        raise
    if as_json:
        print_json(turn_document(turn))
    else:
        show_turn(turn, quiet=quiet)
    return turn.exit_code


def _draw_lines(door: Door, studio: Studio, lines: str, choices: dict[str, Any]) -> int:
    from .display import watching
    from .tools.errors import DanqingError

    def answer(request: str) -> tuple[dict[str, Any], int]:
        try:
            with watching(door.interruption, quiet=True) as listener:
                turn = studio.ask(request, read_options(**choices), listener=listener)
        except DanqingError as error:
            _say_how_to_resume(door, error)
            raise
        return turn_document(turn), turn.exit_code

    return each_line(door, lines, answer)


@danqing.command()
@click.argument("request", required=False)
@_json
@_lines
@llm_option
@click.pass_context
def understand(
    ctx: click.Context, request: str | None, as_json: bool, lines: str | None, llm: str | None
) -> None:
    """Print what is understood of REQUEST: its claims, each checkable alone. Draws nothing."""
    _one_of(request, lines)
    with _reader(llm) as read:
        _show_understood(ctx, request, as_json, lines, read)


def _show_understood(
    ctx: click.Context, request: str | None, as_json: bool, lines: str | None,
    read: Callable[[str], Brief],
) -> None:  # fmt: skip
    if lines is not None:
        ctx.exit(each_line(ctx.obj, lines, lambda line: (brief_document(read(line)), 0)))
    assert request is not None
    if as_json:
        from .tools.errors import DanqingError

        try:
            print_json(brief_document(read(request)))
        except DanqingError as error:
            print_json(error_document(request, error))
            raise
        return
    from .agent.reply import describe
    from .display import columns

    brief = read(request)
    told: list[tuple[str, ...]] = [("intent", brief.intent, "")]
    told += [(claim.kind, describe(claim), claim.source or "") for claim in brief.claims]
    told += [("remark", remark, "") for remark in brief.remarks]
    columns(told, ("bright_black", None, "bright_black"))


@danqing.command()
@click.option("--quiet", "-q", is_flag=True, help="Print only the paths of the pictures.")
@click.pass_context
def resume(ctx: click.Context, quiet: bool) -> None:
    """Finish the turns that a crash or Ctrl-C cut short."""
    from .display import show_turn, watching
    from .tools.catalogue import DEFAULT_PROFILE
    from .tools.errors import DanqingError

    door: Door = ctx.obj
    code = 0
    with door.interruption.flagging(), door.studio(DEFAULT_PROFILE) as studio:
        cut_short = studio.cut_short()
        if cut_short:
            studio.warm_up()
        elif not quiet:
            click.echo("There is nothing to resume.")
        try:
            with watching(door.interruption, quiet=quiet) as listener:
                studio.resume(listener=listener)
        except DanqingError as error:
            _say_how_to_resume(door, error)
            raise
        finally:  # an error in one turn does not hide what the others came to
            for id in cut_short:
                if studio.ledger.turn(id).ended is not None:
                    turn = studio.document(id)
                    show_turn(turn, quiet=quiet)
                    code = max(code, turn.exit_code)
    ctx.exit(code)


@danqing.command()
@click.argument("handle")
@click.pass_context
def replay(ctx: click.Context, handle: str) -> None:
    """Make the picture HANDLE (img-3) once more and tell whether the same pixels come out.

    The exit code is 1 when they do not.
    """
    from .display import watching
    from .tools.catalogue import DEFAULT_PROFILE

    door: Door = ctx.obj
    with door.interruption.flagging(), door.studio(DEFAULT_PROFILE) as studio:
        with user_named():
            studio.ledger.picture(handle)
        studio.warm_up()
        with watching(door.interruption, quiet=False) as listener:
            same = studio.replay(handle, listener=listener)
    if same[handle]:
        click.echo(f"{handle}: the same pixels came out.")
        return
    click.echo(f"{handle}: other pixels came out.")
    first = next(name for name, equal in same.items() if not equal)
    if first != handle:
        click.echo(f"The first picture on the way that differs is {first}.")
    ctx.exit(1)


for command in (
    chat, run, export, history, sessions, show, forget, tool, tools, models, serve, keys, mcp, bot,
    encrypt, decrypt, doctor, completion,
):  # fmt: skip
    danqing.add_command(command)


def _one_of(request: str | None, lines: str | None) -> None:
    if (request is None) == (lines is None):
        raise click.UsageError("Give a REQUEST in quotes, or --lines FILE; one of the two.")


def read_options(
    *, out: str | None = None, seed: int | None = None, size: str | None = None,
    budget: str | None = None, profile: str | None = None, llm: str | None = None,
    llm_sees: bool = False, no_metadata: bool = False,
) -> Options:  # fmt: skip
    """A command line's choices as `Options`; raises `BadInput` before anything is begun."""
    from .agent.budget import Budget
    from .agent.studio import DEFAULT_SIZE, Options, new_seed
    from .tools.catalogue import DEFAULT_PROFILE

    return Options(
        seed=new_seed() if seed is None else seed,
        size=DEFAULT_SIZE if size is None else read_size(size),
        budget=Budget() if budget is None else Budget.parse(budget),
        models=DEFAULT_PROFILE if profile is None else _models(profile),
        llm=read_llm(llm), llm_sees=llm_sees, metadata=not no_metadata,
        out=None if out is None else place(out),
    )  # fmt: skip


def _reader(llm: str | None) -> AbstractContextManager[Callable[[str], Brief]]:
    """Who reads requests: the built-in planner, or a language model."""
    from .agent.llm.address import BUILTIN

    if (name := read_llm(llm)) == BUILTIN:  # without all that the others need
        from .agent.language import understand

        return nullcontext(understand)
    from .agent.llm.planner import reader

    return reader(name)


def read_llm(name: str | None) -> str:
    """A language model's address; a folder's path in full, for a turn may be resumed from
    elsewhere."""
    from .agent.llm.address import BUILTIN

    if name is None:
        return BUILTIN
    if name.startswith("hf:") and Path(name[3:]).expanduser().is_dir():
        return "hf:" + str(Path(name[3:]).expanduser().resolve())
    return name


def _models(profile: str) -> str:
    """A profile's name, or a folder's absolute path, for a turn may be resumed from elsewhere."""
    from .tools.catalogue import is_folder

    return str(Path(profile).expanduser().resolve()) if is_folder(profile) else profile


def read_size(text: str) -> tuple[int, int]:
    """(width, height) in "640x480" or "512"; `BadInput` for anything else."""
    from .tools.errors import BadInput

    match = re.fullmatch(r"\s*([0-9]{1,9})(?:\s*[x×*]\s*([0-9]{1,9}))?\s*", text.lower())
    if match is None:
        raise BadInput(
            f"Cannot read the size {text[:40]!r}.", hint="Write it as 640x480, or 512 for both."
        )
    return int(match[1]), int(match[2] or match[1])


def _language(request: str) -> Language:
    from .agent.language.text import language_of

    return language_of(request)


def _say_how_to_resume(door: Door, error: Exception) -> None:
    """Give an error that ended a turn in the middle a hint to go on, unless it has its own."""
    from .tools.errors import BadInput, Cancelled, Stopped

    if isinstance(error, Cancelled):
        error.args = ("Stopped as you asked.",)  # whichever tool it was that heard of it
    if isinstance(error, Stopped) and not isinstance(error, BadInput) and not error.hint:
        error.hint = f"`{door.command('resume')}` goes on from there."
