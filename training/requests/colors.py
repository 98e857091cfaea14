"""Things of one name that are told apart by their colors: "a red house and two blue ones"."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from . import words
from .places import LINKS_EN, LINKS_ZH, PLACES_EN, PLACES_ZH, at, is_at
from .said import COLORS, Fields, Group, Said, group, named


def draw(rng: Random, chinese: bool) -> Said:
    """ "a red house and two blue ones": things of one name, told by their colors."""
    first = group(rng, chinese, rich=0.0)
    colors = rng.sample(COLORS, 2)
    counts = [rng.choice((1, 1, 1, 2, 2, 3)) for _ in colors]
    groups = [
        replace(first, count=n, exact=False, color=(color, _plain(color, chinese)), told=True)
        for color, n in zip(colors, counts, strict=True)
    ]
    roll = rng.random()
    if roll < 0.15:
        return _of_all(rng, groups, chinese)
    if roll < 0.35:
        return _told_apart(rng, groups, chinese)
    if roll < 0.5:
        return _each_at(rng, groups, chinese)
    bare = chinese and rng.random() < 0.25
    texts = [named(rng, g, chinese, bare=bare) for g in groups]
    if not chinese and rng.random() < 0.3:
        second = groups[1]
        ones = "one" if second.count == 1 else "ones"
        number = (
            words.a(colors[1])
            if second.count == 1
            else (f"{words.number(rng, int(second.count or 1), False)} {colors[1]}")
        )
        texts[1] = f"{number} {ones}"
    claims = [claim for g in groups for claim in g.claims()]
    if rng.random() < 0.3:
        places = rng.sample(("left", "right"), 2)
        texts = [at(rng, text, place, chinese) for text, place in zip(texts, places, strict=True)]
        claims = [
            claim
            for g, place in zip(groups, places, strict=True)
            for claim in [*g.claims(), is_at(g, place)]
        ]
    return Said(
        rng.choice(("和", "，") if chinese else (" and ", " and ", ", ")).join(texts), claims
    )


def _of_all(rng: Random, groups: list[Group], chinese: bool) -> Said:
    """ "three cups: two red, one blue": how many there are, and how many of each color."""
    total = sum(int(g.count or 1) for g in groups)
    whole = replace(groups[0], count=total, color=None, told=False)
    parts = []
    for g in groups:
        n, color = int(g.count or 1), (g.color or ("", ""))[1]
        if chinese:
            m = words.measure(rng, g.word, g.noun)
            parts.append(
                f"{words.number(rng, n, True)}{m}{color if len(color) > 1 else color + '色'}的"
            )
        else:
            ones = rng.choice((" one" if n == 1 else " ones", "", ""))
            parts.append(f"{words.number(rng, n, False, digits=0.05)} {color}{ones}")
    each = [claim for g in groups for claim in g.claims()]
    claims = [*whole.claims(), *each]
    if not chinese and rng.random() < 0.25:
        parts = [f"{words.a(part[4:]) if part.startswith('one ') else part}" for part in parts]
        return Said(f"{words.many(whole.noun)}: {' and '.join(parts)}", each)
    if chinese:
        return Said(
            f"{named(rng, whole, True)}，{rng.choice(('', '其中'))}{'，'.join(parts)}", claims
        )
    last = rng.choice((", ", " and ", ", and "))
    return Said(f"{named(rng, whole, False)}{rng.choice((': ', ', '))}{last.join(parts)}", claims)


def _each_at(rng: Random, groups: list[Group], chinese: bool) -> Said:
    """ "the cup on the left is red and the one on the right is blue"."""
    places = rng.sample(("left", "right", "center"), 2)
    groups = [replace(g, count=1) for g in groups]
    claims = [claim for g, place in zip(groups, places, strict=True)
              for claim in [*g.claims(), is_at(g, place)]]  # fmt: skip
    noun, colors = groups[0].noun, [g.tag["color"] for g in groups]
    if chinese:
        where = [rng.choice(PLACES_ZH[place]) for place in places]
        told = [f"{at}的{noun}是{words.values('color', True)[color][1]}的"
                for at, color in zip(where, colors, strict=True)]  # fmt: skip
        return Said("，".join(told), claims)
    where = [rng.choice(PLACES_EN[place]) for place in places]
    if rng.random() < 0.5:
        told = [f"{words.a(f'{color} {noun}')} is {at}"
                for at, color in zip(where, colors, strict=True)]  # fmt: skip
        return Said(rng.choice((", ", " and ", ". ")).join(told), claims)
    first, second = (f"{at} {rng.choice(('is', 'should be'))} {color}"
                     for at, color in zip(where, colors, strict=True))  # fmt: skip
    again = rng.choice(("one", noun))
    return Said(f"the {noun} {first}{rng.choice((' and', ','))} the {again} {second}", claims)


def _told_apart(rng: Random, groups: list[Group], chinese: bool) -> Said:
    """ "a white dog to the left of a brown dog", or all of them on something: what is said of one
    of a name is said with its color."""
    claims = [claim for g in groups for claim in g.claims()]
    first, second = groups
    value = rng.choice(("left of", "right of", "above", "below"))
    link = rng.choice((LINKS_ZH if chinese else LINKS_EN)[value])
    texts = [named(rng, g, chinese) for g in groups]
    if rng.random() < 0.6:
        relation: Fields = {"kind": "relation", "subject": first.name, "value": value,
                            "object": second.name, "color": first.tag["color"],
                            "object_color": second.tag["color"]}  # fmt: skip
        be = rng.choice(("", "is " if first.count == 1 else "are "))
        text = f"{texts[0]}在{texts[1]}{link}" if chinese else f"{texts[0]} {be}{link} {texts[1]}"
        return Said(text, [*claims, relation])
    ground = replace(group(rng, chinese, rich=0.4, one=True), exact=False, action=None)
    if ground.name == first.name:
        return Said((" and ", "和")[chinese].join(texts), claims)
    relations: list[Fields] = [
        {"kind": "relation", "subject": g.name, "value": value, "object": ground.name, **g.tag}
        for g in groups
    ]
    both, on = (" and ", "和")[chinese].join(texts), named(rng, ground, chinese)
    text = f"{both}在{on}{link}" if chinese else f"{both} {link} {on}"
    return Said(text, [*claims, *ground.claims(), *relations])


def _plain(color: str, chinese: bool) -> str:
    return words.values("color", True)[color][0] if chinese else color
