"""From a `Reading` to claims: one back end for both languages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..brief import MAX_CLAIMS, SCENE_KINDS, Claim
from .reading import Fact, Link, Reading, Span, Thing

Statement = tuple[dict[str, Any], Span]
"""The fields of a claim, and where it is said."""
Instead = tuple[Span, list[dict[str, Any]]]
"""Words of which it is known what they claim, and that."""


def claims_of(
    reading: Reading, source: str, instead: Sequence[Instead] = ()
) -> tuple[tuple[Claim, ...], tuple[str, ...]]:
    """The claims in the order of the words, and the remarks.

    ``source`` is the text that the spans of ``reading`` point into. ``instead`` holds spans of
    which it is known what they claim: their words only say which thing is meant. Claims that say
    the same are made once. Past `MAX_CLAIMS` the words of the rest go to the remarks, so that none
    is lost.
    """
    seen: dict[tuple[Any, ...], Claim] = {}
    remarks = list(dict.fromkeys(reading.remarks))
    for fields, span in _with(instead, _statements(reading), reading):
        words = source[span[0] : span[1]].strip() or None
        claim = Claim(id=f"c{len(seen) + 1}", source=words, **fields)
        if claim.key in seen:
            continue
        if len(seen) == MAX_CLAIMS:
            if words and words not in remarks:
                remarks.append(words)
            continue
        seen[claim.key] = claim
    return tuple(seen.values()), tuple(remarks)


def _with(
    instead: Sequence[Instead],
    statements: Iterator[Statement],
    reading: Reading,
) -> Iterable[Statement]:
    """``statements`` with those of the known spans replaced; what relates their things to others,
    and what is kept, is said by the words all the same."""
    if not instead:
        return statements
    linked = {thing.span for thing in _linked(reading)}
    spans = [span for span, _ in instead]
    gone = {f["subject"] for _, told in instead for f in told if f["kind"] == "absent"}

    def stays(fields: dict[str, Any], span: Span) -> bool:
        kind = fields["kind"]
        if kind == "kept" and fields["subject"] in gone:
            return False
        if kind in {"relation", "kept"} or (kind == "object" and span in linked):
            return True
        return not any(start <= span[0] and span[1] <= end for start, end in spans)

    known = [(fields, span) for span, several in instead for fields in several]
    told = [(fields, span) for fields, span in statements if stays(fields, span)]
    return sorted([*told, *known], key=lambda statement: statement[1][0])


def _linked(reading: Reading) -> list[Thing]:
    """The things that stand in a relation."""
    return [t for link in reading.items if isinstance(link, Link)
            for t in (link.a, link.b, link.b2) if t is not None]  # fmt: skip


def _statements(reading: Reading) -> Iterator[Statement]:
    redundant = _redundant(reading)
    items = [item for item in reading.items if id(item) not in redundant]
    contrasted = _contrasted(reading.things)
    counted = {t.noun for t in reading.things if t.count is not None and not t.absent}
    linked = {id(thing) for thing in _linked(reading)}
    for item in items:
        if isinstance(item, Fact):
            yield _fact(item)
        elif isinstance(item, Link):
            if item.a.noun != item.b.noun or item.a.noun in contrasted:
                yield _link(item, contrasted)
        elif item.absent:
            color = item.colors[0][0] if item.colors else None
            yield {"kind": "absent", "subject": item.noun, "color": color}, item.span
        else:
            shown = not item.given or id(item) in linked or item.count is not None
            yield from _thing(item, item.noun in contrasted, item.noun in counted, shown)


def _redundant(reading: Reading) -> set[int]:
    """The ids of items that only carry others: a clear sky's sky, a landscape with mountains."""
    facts = [item for item in reading.items if isinstance(item, Fact)]
    told = any(fact.kind in {"weather", "time"} for fact in facts)
    places = {fact.value for fact in facts if fact.kind == "setting"}
    dropped = set()
    for item in reading.items:
        if isinstance(item, Thing):
            described = item.colors or item.modifiers or item.sizes or item.places or item.absent
            if item.noun == "sky" and told and not described:
                dropped.add(id(item))
        elif isinstance(item, Fact) and item.value == "landscape" and len(places) > 1:
            dropped.add(id(item))
    return dropped


def _thing(
    thing: Thing, contrasted: bool, counted: bool, shown: bool
) -> Iterator[tuple[dict[str, Any], Span]]:
    noun, span = thing.noun, thing.span
    which = thing.colors[0][0] if contrasted and thing.colors else None
    if contrasted and which and not thing.definite:
        yield {"kind": "count", "subject": noun, "value": thing.count or 1, "color": which}, span
    elif thing.count is not None:
        yield {"kind": "count", "subject": noun, "value": thing.count}, span
    elif shown and not counted:
        yield {"kind": "object", "subject": noun}, span
    for kind, values in (
        ("size", thing.sizes), ("color", thing.colors), ("object", thing.modifiers),
        ("place", thing.places),
    ):  # fmt: skip
        for value, where in values:
            fields = {"kind": kind, "subject": noun, "value": value}
            if which and kind != "color":
                fields["color"] = which
            yield fields, where


def _link(link: Link, contrasted: set[str]) -> tuple[dict[str, Any], Span]:
    def which(thing: Thing) -> str | None:
        return thing.colors[0][0] if thing.noun in contrasted and thing.colors else None

    fields = {
        "kind": "relation", "subject": link.a.noun, "value": link.value, "object": link.b.noun,
        "object2": link.b2.noun if link.b2 else None, "color": which(link.a),
        "object_color": which(link.b),
    }  # fmt: skip
    return fields, link.span


def _fact(fact: Fact) -> tuple[dict[str, Any], Span]:
    if fact.kind in SCENE_KINDS or fact.kind == "text":
        return {"kind": fact.kind, "value": fact.value}, fact.span
    return {"kind": fact.kind, "subject": fact.value}, fact.span


def _contrasted(things: Sequence[Thing]) -> set[str]:
    """Nouns that are there in groups of different colors, so that the noun alone will not tell."""
    colors: dict[str, set[str]] = {}
    for thing in things:
        if not thing.absent and thing.colors and thing.noun != "sky":
            colors.setdefault(thing.noun, set()).add(thing.colors[0][0])
    return {noun for noun, found in colors.items() if len(found) > 1}
