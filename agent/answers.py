"""What the studio says of its own doings, and of a picture that it is asked about.

Like `reply`, it is written from the ledger and from what tools said, and from nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..prompts import render
from .brief import Brief, Claim, Language
from .evidence import in_chinese
from .reply import describe, listed, plain

if TYPE_CHECKING:
    from .studio import TurnDocument

_SAID: dict[Language, dict[Any, str]] = {
    "en": {True: "yes", False: "no", None: "it is not there"},
    "zh": {True: "是的", False: "不是", None: "没有看到"},
}


def answered(language: Language, handle: str, answer: Mapping[str, Any]) -> str:
    """The answer to a question about a picture: the value that the tool `ask` gave (see `Answer`),
    and how sure it is where that is less than nearly certain."""
    value, sure = answer.get("value"), float(answer.get("confidence", 0.0))
    if value is None or isinstance(value, bool):
        told = _SAID[language][value]
    else:
        values = value if isinstance(value, list) else [value]
        told = listed([in_chinese(v) if language == "zh" else str(v) for v in values], language)
        told = plain(told)
    if sure < 0.95:
        told += f"（{sure:.0%} 的把握）" if language == "zh" else f" ({sure:.0%} sure)"
    return render(f"answered.{language}", picture=handle, answer=told or _SAID[language][None])


def shown(handle: str, language: Language) -> str:
    """The words beside a picture that was asked for."""
    return render(f"shown.{language}", picture=handle)


def standing_at(handle: str | None, language: Language) -> str:
    """Where a conversation stands now; None is before its first picture."""
    if handle is None:
        return render(f"standing-nowhere.{language}")
    return render(f"standing-at.{language}", picture=handle)


def accepted(handle: str, language: Language) -> str:
    """The words when a picture is taken as it is."""
    return render(f"accepted.{language}", picture=handle)


def variants(of: str, made: Sequence[str], language: Language) -> str:
    """The words beside further pictures of what was asked for."""
    if not made:
        return render(f"variants-none.{language}", picture=of)
    return render(f"variants.{language}", picture=of, made=listed(made, language))


def compared(one: str, other: str, value: Mapping[str, Any], language: Language) -> str:
    """What the tool `compare` found (see `Comparison`)."""
    if value.get("identical"):
        return render(f"compared-same.{language}", one=one, other=other)
    return render(
        f"compared.{language}", one=one, other=other, changed=f"{value['changed']:.1%}",
        ssim=f"{value['ssim']:.3f}", psnr="∞" if value["psnr"] is None else f"{value['psnr']:.1f}",
    )  # fmt: skip


def sizes_differ(sizes: Sequence[str], language: Language) -> str:
    """Why two pictures cannot be compared."""
    return render(f"compared-sizes.{language}", sizes=listed(sizes, language))


def account(turn: TurnDocument | None, missed: Sequence[Claim], language: Language) -> str:
    """What was done in a turn, and why more than one picture was made: the claims that the first
    one ``missed``."""
    if turn is None:
        return render(f"account-nothing.{language}")
    ran = Counter(step.tool for step in turn.steps if step.outcome in ("done", "reused"))
    tools = listed([f"{tool} × {n}" for tool, n in ran.items()], language)
    seed = "–" if turn.picture is None or turn.picture.seed is None else turn.picture.seed
    count = turn.cost.pictures
    pictures = f"{count} 幅" if language == "zh" else f"{count} picture{'s' * (count != 1)}"
    words = [
        render(
            f"account.{language}", request=turn.request, pictures=pictures,
            seconds=f"{turn.cost.seconds:.1f}", tools=tools, seed=seed,
        )
    ]  # fmt: skip
    if missed:
        told = listed([describe(claim, language) for claim in missed], language)
        words.append(render(f"account-missed.{language}", missed=told))
    return "\n".join([*words, turn.reply])


def rules(brief: Brief) -> str:
    """What holds for all later pictures from now on, or holds no longer."""
    language, said = brief.language, []
    standing = [describe(c, language) for c in brief.claims if c.id in brief.standing]
    if standing:
        said.append(render(f"rule.{language}", rules=listed(standing, language)))
    if brief.lifted:
        lifted = [in_chinese(w) if language == "zh" else w for w in brief.lifted]
        said.append(render(f"rule-lifted.{language}", rules=listed(lifted, language)))
    return "\n".join(said)
