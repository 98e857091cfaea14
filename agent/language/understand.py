"""The built-in planner's reader: a request in English, Chinese or both → a `Brief`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from ...tools.chinese import is_han, simplified
from ...tools.world import world
from ..brief import (
    MAX_CLAIMS,
    SCENE_KINDS,
    THING_OPS,
    Brief,
    Change,
    Claim,
    Intent,
    Language,
    too_many,
)
from .acts import act_of, lifted_of, standing_of
from .claims import Instead, claims_of
from .clause import GIST, Clause
from .edits import clauses_of
from .english import English
from .fitting import fits_a_picture, tells_an_edit
from .gist import Shown, called, gist, newcomers, only_remarks
from .grammar import grammar
from .intent import intent_of, may_be_an_edit, target_of
from .kinds import are_alike, is_kind_of, is_noun
from .made import made_so
from .mentions import IT
from .reading import Reading
from .references import PICTURE, find_reference, lowered, styled_after
from .text import check, clean, language_of, without_surrogates

_PURPOSE = re.compile(
    r"^\W*(?:(?:this\sis|it's)\s)?for\s(?:a|an|the|my|our|his|her|their)\s[^,.:;!?\n]{2,40}:"
    r"|^[^，,。.:：\n]{0,8}?(?:朋友圈|公众号|小红书|微博|海报|贺卡|卡片|封面|配图|插图|头像|壁纸|横幅|课件)"
    r"[^，,。.:：\n]{0,8}[:：]",
    re.IGNORECASE,
)
_OPTION = re.compile(r"(?<!\S)--\w+(?:[ =][\w.:/]+)?|<\w+:[^>\n]*>|:\d(?:\.\d+)?(?=\s*\))")
MOST_AGAIN = 16
"""The most pictures that one "again" asks for."""
SHORT: dict[Language, int] = {"en": 120, "zh": 40}
"""Characters; a longer text that does not read as an edit at once is a picture described."""

_STRETCH = re.compile(r"[^,，。;；、\n]+[,，。;；、\n]*|[,，。;；、\n]+")


def understand(request: str, *, known_pictures: Sequence[str] = (), shown: Shown = tuple) -> Brief:
    """What ``request`` asks for, read without any model and with an open vocabulary.

    ``known_pictures`` are the handles that the session holds; one that the request names becomes
    the brief's target. What the open one has ``shown`` is asked where that helps to tell what is
    meant. Raises `BadInput` for a request that is empty, has more than 4,000 characters, holds no
    word, or sets rules and asks for more than `MAX_CLAIMS` things with them.
    """
    check(request)
    request = without_surrogates(request)
    text = clean(request)
    language = language_of(text)
    plain = simplified(text)
    if (act := act_of(plain)) and act.kind == "again":
        return Brief(language=language, intent="make", again=min(act.n or 1, MOST_AGAIN))
    if lifted := lifted_of(plain):
        return Brief(language=language, intent="chat", lifted=lifted)
    if (parts := standing_of(plain)) and (ruled := _ruled(request, language, *parts)):
        return ruled
    _, span = styled_after(plain)
    reference, (start, name, end) = find_reference(_blanked(plain, [span]))
    rest = _blanked(plain, [span, (start, end)])
    told = _blanked(plain, [(start, end)])
    if reference and plain[start:name].strip() in {"", "把", "将"}:
        told = told[:start] + PICTURE.ljust(end - start) + told[end:]
    intent = intent_of(plain, chinese=language == "zh")
    short = len(plain.strip()) <= SHORT[language]
    clauses = _clauses(told) if intent == "edit" or reference or short else []
    if intent in {"make", "chat"} and (act or _edits(rest, clauses, named=bool(reference))):
        intent = "chat" if act else "edit"
    elif known_pictures and may_be_an_edit(plain, intent) and _fits(rest, clauses):
        intent = "edit"
    if known_pictures and not act:
        likely = _likely(plain, intent, clauses, reference, shown)
        if likely is not None:
            intent, clauses = "edit", likely
            if likely[0].changes[0].reference:
                reference, span = None, (start, end)
        elif intent == "make" and only_says(plain):
            intent = "chat"
    target = target_of(_blanked(plain, [span]), intent, known_pictures, reference)
    brief = Brief(language=language, intent=intent, target=target)
    if intent == "make":
        claims, remarks = _claims(plain, request)
        return brief.model_copy(update={"claims": claims, "remarks": remarks})
    return _edited(brief, request, rest, clauses) if intent == "edit" else brief


def only_says(text: str) -> bool:
    """Whether ``text`` asks for nothing, as of `only_remarks`."""
    return only_remarks(text, read(text), chinese=any(map(is_han, text)))


def _likely(
    text: str, intent: Intent, clauses: Sequence[Clause], reference: str | None, shown: Shown
) -> list[Clause] | None:
    """What no rule fits, or what rules have misread, as the change that is likeliest meant; None
    where the rules are to be believed."""
    chinese = any(map(is_han, text))
    ruled = [change for clause in clauses for change in clause.changes] if intent == "edit" else []
    astray = intent != "edit" or _astray(ruled, shown)
    if not astray and (len(ruled) != 1 or not _may_lack(ruled[0])):
        return None
    changes = gist(
        _blanked(text, [called(text, chinese=chinese)]), read, chinese=chinese, shown=shown,
        asks=intent in {"ask", "chat"}, reference=None if reference == "last" else reference,
    )  # fmt: skip
    if not changes or not (astray or _tells_more(changes, ruled[0])):
        return None
    return [Clause(0, len(text), GIST, tuple(changes))]


def _may_lack(change: Change) -> bool:
    """Whether a change may have a place that no rule has read."""
    return change.place is None and change.op in THING_OPS


def _tells_more(changes: Sequence[Change], ruled: Change) -> bool:
    """Whether ``changes`` are what the rules say, with a place; or take a place for the one by
    which a thing is told that the rules have moved there."""
    if len(changes) != 1 or changes[0].subject != ruled.subject:
        return False
    one = changes[0]
    if one.op == ruled.op == "add":
        return ruled.value is None and one.value is not None
    same = one.op == ruled.op and one.value == ruled.value
    return one.place is not None and (same or (ruled.op == "move" and one.place == ruled.value))


def _astray(changes: Sequence[Change], shown: Shown) -> bool:
    """Whether an edit makes no change, or one of what is no thing at all, or only one of what the
    picture would show, or only such as bring in what is no word for anything."""
    if all(map(_is_odd, changes)):
        return True
    on = {change.subject for change in changes if change.op in THING_OPS and change.op != "add"}
    named = [str(noun) for noun in on - {None, IT.noun}]
    if any(not is_noun(noun) for noun in named):
        return bool(shown())
    if len(changes) != 1 or not any(noun in world().objects for noun in named):
        return False
    there = shown()  # it would have been seen
    return bool(there) and not any(are_alike(one, named[0]) for one in there)


def _is_odd(change: Change) -> bool:
    """Whether a change brings in what is no word for anything."""
    if change.op == "style":
        return change.reference is None and change.value not in world().styles
    new = {"add": change.subject, "replace": change.value}.get(change.op)
    return new is not None and not is_noun(new)


def _edited(brief: Brief, request: str, rest: str, clauses: Sequence[Clause]) -> Brief:
    """``brief`` with what ``clauses`` do to the picture, and what is to be so afterwards."""
    changes = tuple(
        change.model_copy(update={"source": request[clause.start : clause.end].strip()})
        for clause in clauses
        for change in clause.changes
    )
    on_pixels = [(clause.start, clause.end) for clause in clauses if clause.on_pixels]
    made = (made_so(clause, rest[clause.start : clause.end]) for clause in clauses)
    claims, remarks = _claims(
        _blanked(rest, on_pixels), request, edit=True, instead=[one for one in made if one]
    )
    claims = _without_partial(_with_changed(claims, changes), changes)
    changes = changes or tuple(_moves(claims))
    return brief.model_copy(update={"claims": claims, "changes": changes, "remarks": remarks})


def _moves(claims: Sequence[Claim]) -> Iterator[Change]:
    """What an edit moves that says nothing but how things are to stand."""
    for claim in claims:
        if claim.kind == "relation" and claim.object2 is None:
            yield Change(
                op="move", subject=claim.subject, color=claim.color, value=str(claim.value),
                object=claim.object, source=claim.source,
            )  # fmt: skip


def _claims(
    plain: str, request: str, *, edit: bool = False, instead: Sequence[Instead] = ()
) -> tuple[tuple[Claim, ...], tuple[str, ...]]:
    plain, options = without_options(plain)
    claims, remarks = claims_of(read(plain, edit=edit), request, instead)
    return claims, remarks + options


def _ruled(request: str, language: Language, now: str, later: str) -> Brief | None:
    """The Brief of a request that sets a rule; None if nothing can be claimed of the rule."""
    rules, _ = _claims(later, request)
    if not rules:
        return None
    asked, remarks = _claims(now, request)
    claims = _numbered((*asked, *rules))
    if len(claims) > MAX_CLAIMS:
        raise too_many(len(claims))
    keys = {claim.key for claim in rules}
    standing = tuple(claim.id for claim in claims if claim.key in keys)
    intent: Intent = "make" if asked else "chat"
    return Brief(language=language, intent=intent, claims=claims, standing=standing,
                 remarks=remarks if asked else ())  # fmt: skip


def _numbered(claims: Iterable[Claim]) -> tuple[Claim, ...]:
    unique = {claim.key: claim for claim in claims}.values()
    return tuple(claim.model_copy(update={"id": f"c{i}"}) for i, claim in enumerate(unique, 1))


def _edits(rest: str, clauses: Sequence[Clause], *, named: bool) -> bool:
    """Whether what reads like a picture described is an edit after all: it is done to a picture
    that is ``named``, it begins as only an edit can, or it only leaves things out."""
    changes = [change for clause in clauses for change in clause.changes]
    if not changes or named:
        return any(clause.changes and clause.rule != "also" for clause in clauses)
    first = clauses[0]
    begins = _leads(rest[: first.start])
    if begins and tells_an_edit(first, rest[first.start : first.end]):
        left = _blanked(rest, [(clause.start, clause.end) for clause in clauses])
        return all(claim.kind == "absent" for claim in claims_of(read(left), left)[0])
    said = claims_of(read(rest), rest)[0]
    return all(change.op == "remove" for change in changes) and all(
        claim.kind == "absent" for claim in said
    )


def _fits(rest: str, clauses: Sequence[Clause]) -> bool:
    """Whether ``rest`` from its first word on is done to the picture that the session works on, and
    shows nothing else."""
    if not any(clause.changes for clause in clauses) or not _leads(rest[: clauses[0].start]):
        return False
    left = _blanked(rest, [(clause.start, clause.end) for clause in clauses])
    shown = claims_of(read(left), left)[0]
    words = rest[: clauses[1].start] if clauses[1:] else rest
    chinese = any(map(is_han, words))
    alone = _one_thing(claims_of(read(words), words)[0])
    changed = {noun for c in clauses for x in c.changes for noun in (x.subject, x.value, x.object)}
    if newcomers(rest, read(rest), chinese=chinese) - changed:
        return False
    return fits_a_picture(clauses, words, chinese=chinese, alone=alone) and all(
        claim.kind in {"absent", "kept"} for claim in shown
    )


def _one_thing(claims: Sequence[Claim]) -> bool:
    """Whether ``claims`` are of one thing, and of nothing that is true of a whole picture."""
    things = {noun for claim in claims for noun in (claim.subject, claim.object) if noun}
    return len(things) == 1 and all(claim.kind not in SCENE_KINDS for claim in claims)


def _leads(words: str) -> bool:
    """Whether ``words`` before a clause are polite ones, or none at all."""
    return not grammar("zh" if any(map(is_han, words)) else "en").bare(lowered(words))


def _with_changed(claims: Sequence[Claim], changes: Sequence[Change]) -> tuple[Claim, ...]:
    """``claims`` and one for each thing that is to be new and for each that is to be gone, where
    none of them says so."""
    shown = {claim.subject for claim in claims if claim.kind in {"object", "count"}}
    gone = {claim.subject for claim in claims if claim.kind == "absent"}
    more = []
    for change in changes:
        new = {"add": change.subject, "replace": change.value}.get(change.op)
        if new is not None and new not in shown:
            more.append(Claim(id="c1", kind="object", subject=new, source=change.source))
            shown.add(new)
        old = change.subject if change.op in {"remove", "replace"} else None
        if old not in {None, IT.noun} and old not in gone and not is_kind_of(new or "", str(old)):
            told = {"subject": old, "color": change.color, "source": change.source}
            more.append(Claim(id="c1", kind="absent", **told))
            gone.add(old)
    return _numbered([*claims, *more][:MAX_CLAIMS])


def _without_partial(claims: Sequence[Claim], changes: Sequence[Change]) -> tuple[Claim, ...]:
    """``claims`` without those that all of a kind are gone where only some are taken away."""
    partial = {
        change.subject
        for change in changes
        if change.op in ("remove", "replace") and (change.place or change.count)
    }
    kept = [claim for claim in claims if claim.kind != "absent" or claim.subject not in partial]
    return _numbered(kept)


def _clauses(text: str) -> list[Clause]:
    """The clauses of an edit, each stretch read in its own language."""
    return [
        replace(clause, start=clause.start + start, end=clause.end + start)
        for start, end, chinese in _stretches(text)
        for clause in clauses_of(text[start:end], chinese=chinese)
    ]


def _blanked(text: str, spans: Iterable[tuple[int, int]]) -> str:
    for start, end in spans:
        text = text[:start] + " " * (end - start) + text[end:]
    return text


def without_options(text: str) -> tuple[str, tuple[str, ...]]:
    """``text`` with what shows nothing blanked, and it: other programs' notation ("--ar 16:9",
    "<lora:x>", ":1.2"), and what a picture is for ("for a birthday card: …")."""
    found: list[str] = []
    for pattern in (_PURPOSE, _OPTION):
        found += (match.group().strip(" :：") for match in pattern.finditer(text))
        text = pattern.sub(lambda match: " " * len(match.group()), text)
    return text, tuple(found)


def statements(text: str) -> tuple[Claim, ...]:
    """The claims that an image caption makes; () if there is no word in it."""
    plain = simplified(clean(without_surrogates(text[:4000])))
    return claims_of(read(plain), text)[0]


def read(text: str, *, edit: bool = False) -> Reading:
    """Each stretch of ``text`` read in its own language, put together in order."""
    reading = Reading()
    for start, end, chinese in _stretches(text):
        if chinese:
            from .chinese import Chinese

            part = Chinese(text[start:end], start, edit=edit).read()
        else:
            part = English(text[start:end], start, edit=edit).read()
        reading.items += part.items
        reading.remarks += part.remarks
    return reading


def _stretches(text: str) -> list[tuple[int, int, bool]]:
    """(start, end, is Chinese) of the runs of clauses in one language."""
    runs: list[tuple[int, int, bool]] = []
    for match in _STRETCH.finditer(text):
        piece = match.group()
        han = sum(map(is_han, piece))
        words = len(re.findall(r"[A-Za-z]{2,}", piece))
        chinese = han > words
        if not han and not words and runs:
            chinese = runs[-1][2]
        if runs and runs[-1][2] == chinese:
            runs[-1] = (runs[-1][0], match.end(), chinese)
        else:
            runs.append((match.start(), match.end(), chinese))
    return runs
