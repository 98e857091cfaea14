"""The commands with a slash: each calls what a session, or a command of the same name, can do."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ..words import say, shortened, tally
from . import settings
from .typed import picture_file, words_of

if TYPE_CHECKING:
    import click

    from ..agent.brief import Language
    from .conversation import Conversation

Kind = Literal["handle", "file", "picture", "number", "command", "level", "models", "size",
               "budget", "seed", "input", "llm", "sees"]  # fmt: skip
FILE_AND_INPUTS: tuple[Kind, ...] = ("file", *("input",) * 8)


@dataclass(frozen=True)
class Command:
    """A command: what it is called, what it takes, what it does, in English and in Chinese.

    ``usage`` names its arguments, those in brackets may be left out; ``takes`` says of which kind
    they are. ``do`` returns the exit code of the line.
    """

    name: str
    aliases: tuple[str, ...]
    usage: str
    takes: tuple[Kind, ...]
    help: tuple[str, str]
    do: Callable[[Conversation, list[str]], int | None]

    @property
    def least(self) -> int:
        """How many arguments cannot be left out."""
        return len(re.sub(r"\[[^\]]*\]", "", self.usage).split())

    def __str__(self) -> str:
        return f"/{self.name} {self.usage}".rstrip()

    def usage_in(self, language: Language) -> str:
        """How it is written, with its Chinese name where that is the language."""
        chinese = [alias for alias in self.aliases if not alias.isascii()]
        return f"{self} /{chinese[0]}" if language == "zh" and chinese else str(self)


def run(chat: Conversation, name: str, rest: str) -> int:
    """Run the command ``name`` with the arguments in ``rest``; returns the line's exit code.

    Raises `BadInput` for a command that is not there, naming the nearest, and for a wrong number
    of arguments; `EOFError` where it ends the chat.
    """
    from ..tools.errors import BadInput

    command = find(name)
    arguments = words_of(rest)
    most = len(command.takes)
    if len(arguments) > most and command.takes[-1:] in (("file",), ("picture",)):
        last = picture_file(rest) if most == 1 else None
        joined = str(last) if last is not None else " ".join(arguments[most - 1 :])
        arguments = [*arguments[: most - 1], joined]
    if not command.least <= len(arguments) <= most:
        raise BadInput(f"/{name} does not go with {rest!r}.", hint=f"Write it as {command}.")
    return command.do(chat, arguments) or 0


def find(name: str) -> Command:
    """The command of that name or alias, or the only one that begins with it; `BadInput` names the
    nearest."""
    from ..tools.errors import BadInput

    names = {other: c for c in COMMANDS for other in (c.name, *c.aliases)}
    if name in names:
        return names[name]
    begun = [command for command in COMMANDS if name and command.name.startswith(name)]
    if len(begun) == 1:
        return begun[0]
    near = difflib.get_close_matches(name, names, n=3)
    hint = f"Near it: {', '.join('/' + n for n in near)}." if near else "/help lists all."
    raise BadInput(f"There is no command {'/' + name[:40]!r}.", hint=hint)


# -- going about


def _undo(chat: Conversation, _: list[str]) -> int:
    return _stand(chat, chat.session.undo())


def _redo(chat: Conversation, _: list[str]) -> int:
    return _stand(chat, chat.session.redo())


def _branch(chat: Conversation, arguments: list[str]) -> int:
    return _stand(chat, chat.session.go(arguments[0]))


def _stand(chat: Conversation, handle: str | None) -> int:
    from ..agent.answers import standing_at
    from ..agent.session import Said

    pictures = () if handle is None else (handle,)
    return chat.tell(Said(standing_at(handle, chat.language), pictures))


def _compare(chat: Conversation, arguments: list[str]) -> int:
    return chat.tell(chat.session.compare(arguments[0], arguments[1], chat.language))


def _tree(chat: Conversation, _: list[str]) -> None:
    lineage = chat.session.lineage
    if lineage.nodes:
        chat.showing.tree(lineage, chat.language)
    else:
        print(say("no pictures", chat.language))


def _variants(chat: Conversation, arguments: list[str]) -> int:
    n = settings.number(arguments[0]) if arguments else 1
    with chat.watching() as listener:
        said = chat.session.variants(n, listener=listener)
    return chat.tell(said)


def _history(chat: Conversation, _: list[str]) -> None:
    from ..display import columns

    turns = chat.session.lineage.turns
    if not turns:
        print(say("no turns", chat.language))
        return
    columns(
        [
            (
                (turn.outcome or {}).get("picture") or "", shortened(turn.request),
                tally(turn.outcome),
            )
            for turn in turns
        ],
        ("cyan", None, "bright_black"),
    )  # fmt: skip


def _replay(chat: Conversation, arguments: list[str]) -> int:
    handle = _handle(chat, arguments)
    with chat.watching() as listener:
        same = chat.studio.replay(handle, listener=listener)
    print(say("same" if same[handle] else "differs", chat.language, handle=handle))
    return 0 if same[handle] else 1


def _handle(chat: Conversation, arguments: list[str]) -> str:
    """The handle that was given, or that of the picture where the conversation stands."""
    from ..tools.errors import BadInput

    handle = arguments[0] if arguments else chat.session.head
    if handle is None:
        raise BadInput("There is no picture yet.")
    chat.studio.ledger.picture(handle)
    return handle


# -- pictures


def _show(chat: Conversation, arguments: list[str]) -> None:
    from ..agent.brief import Brief
    from ..display import output, show_claims

    handle = _handle(chat, arguments)
    ledger = chat.studio.ledger
    turn = ledger.turn(ledger.picture(handle).turn)
    document = chat.studio.document(turn.id)
    chat.showing.picture(handle, chat.path(handle))
    print(turn.request)
    given = [row.verdict["findings"] for row in turn.verdicts if row.handle == handle]
    if turn.brief is not None and given:
        from ..agent.verdict import Verdict

        findings = Verdict.model_validate({"findings": given[-1]}).findings
        show_claims(output(), Brief.model_validate(turn.brief), findings)
    if document.steps and (seed := chat.studio.seed(handle)) is not None:
        print(say("seed of", chat.language, n=seed))


def _save(chat: Conversation, arguments: list[str]) -> None:
    from ..door import place

    *handles, file = arguments
    handle = _handle(chat, handles)
    metadata = chat.session.options.metadata
    path = chat.studio.save(handle, place(file), metadata=metadata)
    print(say("saved", chat.language, handle=handle, path=path))


def _open(chat: Conversation, arguments: list[str]) -> int:
    from ..tools.errors import BadInput

    path = picture_file(arguments[0]) or Path(arguments[0]).expanduser()
    if not path.is_file():
        raise BadInput(f"There is no file {str(path)!r}.")
    return chat.open(path)


def _paste(chat: Conversation, arguments: list[str]) -> int:
    from .clipboard import copied

    return chat.open(copied())


def _delete(chat: Conversation, arguments: list[str]) -> None:
    handle = arguments[0]
    language = chat.language
    lineage = chat.session.lineage
    more = len(lineage.branch(handle)) - 1 if handle in lineage.nodes else 0
    word = "delete" if more else "delete one"
    if handle in lineage.nodes and not chat.showing.confirm(
        say(word, language, handle=handle, n=more), language, default=False
    ):
        print(say("kept", language))
        return
    before = _pixels(chat)
    gone, _ = chat.session.delete(handle)
    freed = f"{max(0, before - _pixels(chat)) / 1e6:.1f} MB"
    print(say("deleted", language, handles=", ".join(gone), size=freed))


def _pixels(chat: Conversation) -> int:
    """Bytes of all pictures in the home."""
    return sum(file.stat().st_size for file in chat.studio.home.blobs.iterdir())


# -- recipes, tools, models: the commands of the same names


def _recipe(chat: Conversation, arguments: list[str]) -> int:
    from ..recipes import export

    out = ["-o", arguments[0]] if arguments else []
    return _command(chat, export, [chat.session.id, *out])


def _run(chat: Conversation, arguments: list[str]) -> int:
    from ..recipes import run

    recipe, *given = arguments
    inputs = [part for value in given for part in ("--input", value)]
    return _command(chat, run, [recipe, *inputs])


def _tools(chat: Conversation, _: list[str]) -> int:
    from ..lookup import tools

    return _command(chat, tools, [])


def _models(chat: Conversation, arguments: list[str]) -> int:
    from ..agent.studio import Options
    from ..model_commands import models
    from ..tools.catalogue import is_folder, profile

    if not arguments or arguments[0] == "pull":
        code = _command(chat, models, arguments)
    else:
        named = arguments[0]
        folder = is_folder(named)
        name = str(Path(named).expanduser().resolve()) if folder else named
        profile(name, chat.door.place)  # refuses what is none
        options: Options = replace(chat.session.options, models=name)
        chat.session.options = options
        code = 0
    print(say("models now", chat.language, name=chat.session.options.models))
    return code


def _command(chat: Conversation, command: click.Command, arguments: list[str]) -> int:
    """Run a command of the command line with the studio of the conversation."""
    import click

    from ..tools.errors import BadInput

    try:
        code = command.main(arguments, f"/{command.name}", obj=chat.door, standalone_mode=False)
    except click.ClickException as error:
        raise BadInput(error.format_message()) from None
    sys.stdout.flush()
    return code if isinstance(code, int) else 0


# -- the chat itself


def _resume(chat: Conversation, _: list[str]) -> int:
    return chat.resume()


def _sessions(chat: Conversation, _: list[str]) -> None:
    from ..display import columns

    ledger = chat.studio.ledger
    listed: list[tuple[str, ...]] = []
    for id in ledger.sessions(20):
        turns = ledger.turns(1, id)
        here = f"← {say('here', chat.language)}" if id == chat.session.id else ""
        listed.append((id, turns[0].created[:10], shortened(turns[0].request), here))
    if listed:
        columns(listed, ("cyan", "bright_black", None, "bold yellow"))
    else:
        print(say("no turns", chat.language))


def _help(chat: Conversation, arguments: list[str]) -> None:
    from ..display import columns

    chinese = chat.language == "zh"
    if arguments:
        command = find(arguments[0].lower().lstrip("/／"))
        print(f"{command}: {command.help[chinese]}")
        others = ", ".join(f"/{alias}" for alias in command.aliases)
        if others:
            print(say("aliases", chat.language, list=others))
        return
    print(say("typed", chat.language))
    columns([(c.usage_in(chat.language), c.help[chinese]) for c in COMMANDS], ("cyan", None))


def _quit(chat: Conversation, _: list[str]) -> None:
    raise EOFError


COMMANDS: tuple[Command, ...] = (
    Command("undo", ("撤销",), "", (),
            ("Stand where you stood before.",
             "回到上一步。"), _undo),
    Command("redo", ("重做",), "", (),
            ("Take the newest step that was undone.",
             "重做撤销的一步。"), _redo),
    Command("branch", ("go", "分支", "回到"), "HANDLE", ("handle",),
            ("Stand at a picture, and go on from there.",
             "站到一张图片上，从那里继续。"), _branch),
    Command("variants", ("变体", "再来"), "[N]", ("number",),
            ("Draw N more of the picture here, side by side.",
             "再画 N 张，并排显示。"), _variants),
    Command("compare", ("比较",), "HANDLE HANDLE", ("handle", "handle"),
            ("Tell what differs between two pictures.",
             "比较两张图片。"), _compare),
    Command("tree", ("树",), "", (),
            ("Draw the pictures, each under the one it came from.",
             "画出图片的来历。"), _tree),
    Command("history", ("历史",), "", (),
            ("List what was said and what came of it.",
             "列出说过的话和结果。"), _history),
    Command("show", ("看", "显示"), "[HANDLE]", ("handle",),
            ("Show a picture with its request, claims and seed.",
             "显示图片、要求和种子。"), _show),
    Command("save", ("保存",), "[HANDLE] FILE", ("handle", "file"),
            ("Save a picture as .png, .jpg or .webp.",
             "把图片存为 .png、.jpg 或 .webp。"), _save),
    Command("open", ("打开",), "FILE", ("picture",),
            ("Open a picture of your own.",
             "打开您自己的图片。"), _open),
    Command("paste", ("粘贴",), "", (),
            ("Open the picture that was copied last.",
             "打开刚复制的图片。"), _paste),
    Command("delete", ("删除",), "HANDLE", ("handle",),
            ("Delete a picture and all that was made from it.",
             "删除图片和由它得来的一切。"), _delete),
    Command("seed", ("种子",), "[N|random]", ("seed",),
            ("Draw from one seed, or from a new one each time.",
             "用固定或随机的种子作画。"), settings.seed),
    Command("replay", ("重演",), "[HANDLE]", ("handle",),
            ("Make a picture once more: do the same pixels come out?",
             "重做图片，看像素是否相同。"), _replay),
    Command("resume", ("继续",), "", (),
            ("Finish what was cut short.",
             "把中断的做完。"), _resume),
    Command("size", ("大小",), "[WxH]", ("size",),
            ("The size of pictures, as in 640x480.",
             "图片大小，如 640x480。"), settings.size),
    Command("budget", ("预算",), "[LIST]", ("budget",),
            ("The most to use, as in pictures=8,seconds=60.",
             "最多用多少，如 pictures=8,seconds=60。"), settings.budget),
    Command("ask", ("提问",), "[LEVEL]", ("level",),
            ("When to ask you: never, needed or often.",
             "何时提问：从不、必要时、多问。"), settings.asking),
    Command("recipe", ("配方",), "[FILE]", ("file",),
            ("Write this conversation as a recipe.",
             "把会话写成配方。"), _recipe),
    Command("run", ("运行",), "FILE [NAME=VALUE …]", FILE_AND_INPUTS,
            ("Run a recipe with its inputs.",
             "运行配方，可给输入。"), _run),
    Command("tools", ("工具",), "", (),
            ("List the tools.",
             "列出工具。"), _tools),
    Command("models", ("模型",), "[NAME|FOLDER]", ("models",),
            ("List the models, or draw with others.",
             "列出模型，或换用别的。"), _models),
    Command("llm", ("策划",), "[NAME|URL] [sees]", ("llm", "sees"),
            ("Who plans, or let another do it; with sees, it may look at pictures.",
             "谁来策划，或换一个；加上“看图”可让它看图片。"), settings.planner),
    Command("sessions", ("会话",), "", (),
            ("List the conversations.",
             "列出会话。"), _sessions),
    Command("help", ("帮助", "?"), "[COMMAND]", ("command",),
            ("This list, or more of one command.",
             "列出命令，或解释其一。"), _help),
    Command("quit", ("exit", "退出"), "", (),
            ("Leave; everything is kept.",
             "离开；一切都会保留。"), _quit),
)  # fmt: skip
