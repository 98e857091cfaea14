"""From what was said to what is meant: a request is settled against its conversation.

A Brief as a planner reads it says "the second one" and "two more birds". Settled, it names a
handle, says how many birds there are to be, and holds for all that the picture was asked to show
before and that was not changed now: an edit keeps what it was not asked to change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ..tools.errors import ToolError
from ..tools.world import world
from .brief import MAX_CLAIMS, SCENE_OPS, THING_OPS, Brief, Change, Claim, too_many
from .language.made import follows
from .ledger import Ledger
from .lineage import Lineage
from .verdict import Verdict

EVERYTHING = "everything else"
"""The subject of the claim that an edit changes nothing but what it was asked to."""
IT = "it"
"""The subject of a change that its sentence does not name."""
HERE = "what is marked"
"""The subject of a change of a part of the picture in which nothing is known."""
TINTED = {
    "red": "redder", "blue": "bluer", "green": "greener", "orange": "warmer", "gray": "gray",
}  # fmt: skip
"""What a whole picture becomes that is to have a color."""
Asking = Literal["never", "needed", "often"]
PAINTED = THING_OPS | SCENE_OPS
"""Changes that could change more than they were to."""
SPREADING = frozenset({"extend", "crop", "flip", "rotate", "cut out"})
"""Changes after which things may stand elsewhere, or be gone."""


@dataclass(frozen=True)
class Question:
    """What is to be asked before anything costly is done. ``choices`` are handles, or words;
    ``default`` is the number of the one that is taken where nobody answers."""

    kind: Literal["picture", "style"]
    choices: tuple[str, ...]
    default: int = 0


Asker = Callable[[Question], int]
"""Asks a person; returns the number of the choice."""


def nobody(question: Question) -> int:
    """An asker that asks nobody: the default is taken."""
    return question.default


Counter = Callable[[str, str], int | None]
"""How many of a thing are seen in a picture, by its handle and its noun; None where that is not
sure."""


Stylist = Callable[[str], str | None]
"""The style of a picture, by its handle; None where that is not sure."""


def unseen(handle: str, noun: str = "") -> None:
    """A counter, and a stylist, that has not looked."""


def settle(
    brief: Brief,
    lineage: Lineage,
    base: str | None,
    ask: Asker = nobody,
    count: Counter = unseen,
    style: Stylist = unseen,
) -> Brief:
    """The Brief with its pictures named by their handles, and all claims that are to hold.

    ``base`` is where the conversation stood. A target that cannot be found becomes None. Where it
    matters how many things there are before an edit, ``count`` is asked, and else the words are
    believed; ``style`` is asked for the style of a picture that another is to have.
    """
    brief = brief.model_copy(
        update={
            "target": _picture(brief.target, lineage, base, ask),
            "changes": tuple(_with_reference(c, lineage, base, ask) for c in brief.changes),
        }
    )
    rules = standing(lineage) if brief.intent in ("make", "edit") else []
    claims = list(brief.claims)
    if any(change.subject == IT for change in brief.changes):
        changes, told = _resolved(brief, lineage)
        brief, claims = brief.model_copy(update={"changes": changes}), [*claims, *told]
    claims += _styles(brief, style)
    before: tuple[Claim, ...] = ()
    if brief.target is not None and (brief.intent == "edit" or brief.again):
        before = asked_of(lineage.ledger, brief.target, met=brief.intent == "edit")
    if brief.again and not claims:
        claims = list(before)
    elif brief.intent == "edit":
        target = brief.target
        numbers = {
            c.subject: _number(c.subject, before) if (n := count(target, c.subject)) is None else n
            for c in brief.changes if c.subject is not None and target is not None
        }  # fmt: skip
        claims, ended = _afterwards(claims, brief.changes, numbers)
        kept = any(change.op in PAINTED for change in brief.changes)
        room = MAX_CLAIMS - len(claims) - len(rules) - kept
        carried = [c for c in before if not _ended(c, [*brief.changes, *ended], claims)]
        # without their words: those may be in another language than these
        claims += [c.model_copy(update={"source": None}) for c in carried[: max(room, 0)]]
        if kept:
            claims.append(Claim(id="c1", kind="kept", subject=EVERYTHING))
    if brief.intent == "make" and claims and all(claim.kind != "style" for claim in claims):
        styles = Question("style", tuple(world().styles))
        if styles.default != (chosen := ask(styles)) < len(styles.choices):
            claims.append(Claim(id="c1", kind="style", value=styles.choices[chosen]))
    return brief.model_copy(update=_numbered(brief, claims, rules))


def asked_of(ledger: Ledger, handle: str, *, met: bool = False) -> tuple[Claim, ...]:
    """What the picture of a handle was asked to show, or with ``met`` only so much of it as a judge
    found in it; () for one that was brought in."""
    try:
        turn = ledger.turn(ledger.picture(handle).turn)
    except ToolError:
        return ()
    brief = Brief.model_validate(turn.brief) if turn.brief else None
    if brief is None or brief.intent not in ("make", "edit"):
        return ()
    claims = [c for c in brief.claims if c.kind != "kept"]
    given = [row.verdict for row in turn.verdicts if row.handle == handle]
    if met and given:
        shown = Verdict.model_validate(given[-1]).with_status("met")
        claims = [c for c in claims if c.id in shown]
    return tuple(claims)


def standing(lineage: Lineage) -> list[Claim]:
    """The claims of a session that hold for all its later pictures, until they were lifted."""
    held: dict[tuple[object, ...], Claim] = {}
    for brief in lineage.briefs:
        if "everything" in brief.lifted:
            held.clear()
        held = {
            key: claim for key, claim in held.items()
            if not {claim.subject, claim.value} & set(brief.lifted)
        }  # fmt: skip
        held |= {claim.key: claim for claim in brief.claims if claim.id in brief.standing}
    return list(held.values())


# -- which picture


def _picture(words: str | None, lineage: Lineage, base: str | None, ask: Asker) -> str | None:
    if words is None:
        return None
    found = lineage.meant(words, base)
    if len(found) > 1:
        chosen = ask(Question("picture", tuple(found)))
        return found[chosen if 0 <= chosen < len(found) else 0]
    return found[0] if found else None


def _with_reference(change: Change, lineage: Lineage, base: str | None, ask: Asker) -> Change:
    if change.reference is None:
        return change
    found = _picture(change.reference, lineage, base, ask)
    return change.model_copy(update={"reference": found or change.reference})


def _resolved(brief: Brief, lineage: Lineage) -> tuple[tuple[Change, ...], list[Claim]]:
    """The changes with "it" named, the thing that was changed last or the only one there is, and
    the claims that follow. Where there is none, it is the picture that is tinted or enlarged."""
    thing = _last_thing(brief.target, lineage)
    changes, claims = [], []
    for change in brief.changes:
        if change.subject != IT:
            changes.append(change)
        elif thing is not None:
            changes.append(change.model_copy(update={"subject": thing}))
            claims += [Claim(id="c1", **fields) for fields in follows(changes[-1])]
        elif change.op == "recolor" and change.value in TINTED:
            changes.append(Change(op="tune", value=TINTED[change.value]))
        elif change.op == "resize" and change.value == "bigger":
            changes.append(Change(op="scale", count=2))
        else:
            changes.append(change)
    return tuple(changes), claims


def _styles(brief: Brief, style: Stylist) -> list[Claim]:
    """The claim that a picture has the style of the one it is to look like."""
    claims = []
    for change in brief.changes:
        found = change.reference if change.op == "style" else None
        word = style(found) if found is not None and found.startswith("img-") else None
        if word is not None:
            claims.append(Claim(id="c1", kind="style", value=word, source=change.source))
    return claims


def _last_thing(handle: str | None, lineage: Lineage) -> str | None:
    node = lineage.nodes.get(handle or "")
    if node is None or node.brief is None:
        return None
    for change in reversed(node.brief.changes):
        thing = change.value if change.op == "replace" else change.subject
        if thing is not None and change.op != "remove":
            return thing
    named = {c.subject for c in node.brief.claims if c.kind in ("object", "count", "color")}
    return named.pop() if len(named) == 1 else None


# -- what is to be so afterwards


def _afterwards(
    claims: Sequence[Claim], changes: Iterable[Change], numbers: Mapping[str, int | None]
) -> tuple[list[Claim], list[Change]]:
    """The claims of an edit once it is known how many things there were before; and the changes
    that leave nothing of a thing."""
    said, ended = list(claims), []
    for change in changes:
        subject = change.subject
        if subject is None or change.op not in THING_OPS:
            continue
        number = numbers.get(subject)
        which = change.color or change.place
        if change.op == "recolor" and change.count is not None and number != change.count:
            which = which or f"{change.count}"
        if change.op == "add" and number:
            said = [c for c in said if not (c.kind == "count" and c.subject == subject)]
            said.append(_counted(subject, number + (change.count or 1)))
        elif change.op == "remove" and number is not None and (which or change.count):
            rest = number - (change.count or 1)
            said = [c for c in said if (c.kind, c.subject) != ("absent", subject)]
            if rest > 0:
                said.append(_counted(subject, rest))
            else:
                said.append(Claim(id="c1", kind="absent", subject=subject))
                ended.append(
                    change.model_copy(update={"color": None, "place": None, "count": None})
                )
        elif change.op == "recolor" and which and (number is None or number > 1):
            said = [c for c in said if not (c.kind == "color" and c.subject == subject)]
            said.append(Claim(id="c1", kind="object", subject=subject, color=change.value))
    return said, ended


def _number(subject: str, claims: Iterable[Claim]) -> int | None:
    """How many of a thing were asked for: 0 where it was not named, None where that is open."""
    mine = [c for c in claims if c.subject == subject and c.kind in ("object", "count", "color")]
    if not mine:
        return 0
    counts = [c.value for c in mine if c.kind == "count"]
    if any(not isinstance(n, int) for n in counts):
        return None
    told = [n for n in counts if isinstance(n, int)]
    of_color = {c.color for c in mine if c.color}
    return sum(told) if told else max(1, len(of_color))


def _counted(subject: str, number: int) -> Claim:
    return Claim(id="c1", kind="count", subject=subject, value=number)


def _ended(claim: Claim, changes: Iterable[Change], new: Iterable[Claim]) -> bool:
    """Whether what was asked for before no longer holds."""
    return _contradicts(claim, new) or any(_ends(change, claim) for change in changes)


def _ends(change: Change, claim: Claim) -> bool:
    named = change.subject in (claim.subject, claim.object, claim.object2)
    about = change.subject is not None and named
    which = change.color is not None or change.place is not None or change.count is not None
    if claim.kind == "size":  # it was larger than before, once
        return True
    if change.op in SCENE_OPS:
        return claim.kind == change.op
    if change.op in SPREADING:
        still = ("season", "time", "weather", "setting", "style", "color")
        if change.op == "extend":
            return claim.kind in ("place", "count", "absent")
        if change.op == "cut out":
            return not (claim.subject == change.subject and claim.kind in ("object", "color"))
        return claim.kind not in (*still, "object") or (
            claim.kind == "object" and change.op == "crop"
        )
    if change.op == "tune":
        if change.value in ("brighter", "darker", "sharper", "blurrier"):
            return False
        return claim.kind == "color" and change.subject in (None, claim.subject)
    if not about:
        return False
    match change.op:
        case "add":
            return claim.kind == "absent" or claim.kind == "count"
        case "remove":
            return claim.kind == "count" if which else True
        case "replace":
            return True
        case "recolor":
            return claim.kind == "color" or claim.color is not None
        case "move":
            return claim.kind in ("place", "relation")
    return False


def _contradicts(claim: Claim, new: Iterable[Claim]) -> bool:
    """Whether a claim cannot stand beside new ones, or says the same."""
    for other in new:
        if claim.key == other.key:
            return True
        same = (claim.kind, claim.subject, claim.color) == (other.kind, other.subject, other.color)
        if same and claim.kind in ("count", "color", "place", "size", "season", "time", "weather",
                                   "setting", "style"):  # fmt: skip
            return True
        shown = other.kind in ("object", "count", "color") and claim.subject == other.subject
        if claim.kind == "absent" and shown:
            return True
        if other.kind == "absent" and other.subject in (claim.subject, claim.object):
            return True
    return False


def _numbered(brief: Brief, claims: Sequence[Claim], rules: Sequence[Claim]) -> dict[str, object]:
    """The claims, each once, with ids in their order, and those of the rules that none of them
    contradicts; what stood for later pictures still does. Raises `BadInput` for too many."""
    unique = list({c.key: c for c in reversed(claims)}.values())[::-1]
    unique += [rule for rule in rules if not _contradicts(rule, unique)]
    if len(unique) > MAX_CLAIMS:
        raise too_many(len(unique))
    standing = {c.key for c in brief.claims if c.id in brief.standing}
    told = [c.model_copy(update={"id": f"c{n}"}) for n, c in enumerate(unique, start=1)]
    return {
        "claims": tuple(told),
        "standing": tuple(c.id for c in told if c.key in standing),
    }
