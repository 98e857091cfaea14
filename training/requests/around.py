"""Things told by one another: what is to the left of it, what is on that, what it has and holds."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from danqing.agent.language.lexicon import lexicon

from . import phrases, words
from .said import COLORS, Fields, Group, Said, group, is_living, named, pair

SIDES_EN = {
    "left of": ("to the left of {}", "on the left of {}", "left of {}", "to {its} left",
                "on {its} left", "on {its} left side"),
    "right of": ("to the right of {}", "on the right of {}", "right of {}", "to {its} right",
                 "on {its} right", "on {its} right side"),
    "above": ("above {}", "over {}", "on {}", "on top of {}"),
    "below": ("below {}", "under {}", "beneath {}", "underneath {}"),
    "inside": ("in {}", "inside {}"),
    "near": ("next to {}", "beside {}", "near {}", "behind {}", "in front of {}", "by {}"),
}  # fmt: skip
SIDES_ZH = {
    "left of": ("左边", "左侧", "左面", "左手边"), "right of": ("右边", "右侧", "右面", "右手边"),
    "above": ("上面", "上方", "顶上"), "below": ("下面", "下方", "底下"), "inside": ("里面", "里"),
    "near": ("旁边", "前面", "后面", "边上", "附近"),
}  # fmt: skip
BOTH = {"wing", "eye", "ear", "horn", "leg", "stripe", "spot", "petal", "feather", "paw", "scale",
        "shutter", "fin", "tusk", "wheel", "window", "leaf", "sail"}  # fmt: skip


def draw(rng: Random, chinese: bool) -> Said:
    """One of the ways below."""
    ways = (chained, chained, chained, having, having, holding, again, coordinated, two_colors,
            on_part, covered, owned,
            colored)  # fmt: skip
    return rng.choice(ways)(rng, chinese)


def thing(rng: Random, chinese: bool, rich: float = 0.7, *, one: bool = False) -> Group:
    found = group(rng, chinese, rich=rich, one=one, remarked=True)
    return replace(found, action=None, exact=found.exact and not one)


def things(rng: Random, chinese: bool, n: int, rich: float = 0.5) -> list[Group]:
    """Different things."""
    found: list[Group] = []
    while len(found) < n:
        one = thing(rng, chinese, rich, one=not found or rng.random() < 0.6)
        if one.name not in {g.name for g in found}:
            found.append(one)
    return found


def _word(name: str, zh: str) -> words.Word:
    """A word of the tables above, called as the lexicon calls it."""
    known = str(lexicon().en.get(name, {}).get("noun", name))
    return words.Word(known, (name,), (zh,))


# -- a thing, and others around it


def chained(rng: Random, chinese: bool) -> Said:
    """ "a horse with a dog to its left and a cat to its right"; "a table, on it a lamp"."""
    n = rng.choice((1, 1, 1, 2, 2, 3))
    first, *others = things(rng, chinese, n + 1)
    sides = rng.sample(list(SIDES_EN), n)
    if n == 2 and rng.random() < 0.6:
        sides = rng.sample(("left of", "right of"), 2)
        if rng.random() < 0.2:
            sides = rng.sample(("above", "below"), 2)
    claims = first.claims()
    for g, side in zip(others, sides, strict=True):
        claims += g.claims()
        if side != "near":
            claims.append(_is(g, side, first))
    if chinese:
        return Said(_chain_zh(rng, first, others, sides), claims)
    return Said(_chain_en(rng, first, others, sides), claims)


def _is(g: Group, side: str, other: Group) -> Fields:
    return {"kind": "relation", "subject": g.name, "value": side, "object": other.name,
            **g.tag}  # fmt: skip


def _chain_en(rng: Random, first: Group, others: list[Group], sides: list[str]) -> str:
    it, its = ("it", "its") if first.count == 1 else ("them", "their")
    main = named(rng, first, False)
    again = rng.choice(
        (it, it, it, f"the {words.many(first.noun) if first.plural else first.noun}")
    )
    at = [rng.choice(SIDES_EN[side]).format(again, its=its) for side in sides]
    texts = [named(rng, g, False) for g in others]
    be = ["is" if g.count == 1 else "are" for g in others]
    way = rng.random()
    if way < 0.4:
        link = rng.choice((" with ", ", with ", " that has ", " having ", " and ", ", "))
        parts = [f"{text} {where}" for text, where in zip(texts, at, strict=True)]
        return main + link + " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))
    if way < 0.65:
        parts = [rng.choice((f"{where} {text}", f"{where}, {text}", f"{where} there {b} {text}",
                             f"{where} {b} {text}"))
                 for text, where, b in zip(texts, at, be, strict=True)]  # fmt: skip
        return (
            main
            + rng.choice((", ", "; ", ", and ", " and "))
            + rng.choice((", ", " and ", "; ")).join(parts)
        )
    parts = [rng.choice((f"{text} {b} {where}", f"{where} {b} {text}", f"{where}, {text}",
                         f"there {b} {text} {where}", f"put {text} {where}",
                         f"{where} you can see {text}"))
             for text, where, b in zip(texts, at, be, strict=True)]  # fmt: skip
    start = (
        rng.choice(("", "", "there is ", "in the picture there is ")) if first.count == 1 else ""
    )
    return ". ".join(part[:1].upper() + part[1:] for part in (start + main, *parts))


def _chain_zh(rng: Random, first: Group, others: list[Group], sides: list[str]) -> str:
    main = named(rng, first, True)
    it = "它" if first.count == 1 else "它们"
    again = rng.choice((f"{it}的", it, f"{first.noun}的", f"在{it}的", f"在{it}", first.noun, "其"))
    parts = []
    for i, (g, side) in enumerate(zip(others, sides, strict=True)):
        text = named(rng, g, True, bare=rng.random() < 0.3)
        where = rng.choice(SIDES_ZH[side])
        alone = (
            side in ("above", "below", "inside") and len(others) == 1 and rng.random() < 0.5
        ) or (i and rng.random() < 0.6)
        lead = rng.choice(("", "", "在", "再在")) if alone else again
        whole = f"{lead}{where}"
        how = rng.choice(("有", "有", "是", "放着" if not is_living(g.word) else "有", "画", ""))
        if not alone and rng.random() < 0.25:
            parts.append(f"{text}在{again.removeprefix('在')}{where}")
        else:
            parts.append(f"{whole}{how}{text}")
    if len(others) == 1 and rng.random() < 0.25:
        text = named(rng, others[0], True)
        return f"{main}{rng.choice(('和', '以及', '及', '，以及'))}{it}{rng.choice(('的', ''))}{rng.choice(SIDES_ZH[sides[0]])}的{text}"  # noqa: E501
    start = rng.choice(("", "", "", "有", "画面里有"))
    return start + main + rng.choice(("，", "，", "。", "；")) + "，".join(parts)


# -- what it has


def having(rng: Random, chinese: bool) -> Said:
    """ "a house with a red roof and two windows": its parts are things of their own."""
    first = thing(rng, chinese, 0.8)
    names = rng.sample(list(phrases.PARTS), rng.choice((1, 1, 1, 2)))
    parts = []
    for name in names:
        part = group(rng, chinese, word=_word(name, phrases.PARTS[name]), rich=0.0, one=True)
        how = rng.random()
        color = pair(rng, "color", chinese) if how < 0.55 else None
        kinds = (words.adjective(rng, chinese),) if how > 0.45 else ()
        count = None if name in BOTH and not chinese else 1
        if rng.random() < 0.12:
            count = rng.choice((2, 3, 4))
        parts.append(replace(part, color=color, kinds=kinds, count=count, exact=False))
    if first.name in names:
        return having(rng, chinese)
    claims = [*first.claims(), *(claim for part in parts for claim in part.claims())]
    if chinese:
        texts = [named(rng, part, True, bare=True) for part in parts]
        if first.color or first.size or first.kinds or first.mood or rng.random() < 0.4:
            link = rng.choice(
                ("，有", "，长着" if is_living(first.word) else "，带有", "有着", "，有着")
            )
            return Said(f"{named(rng, first, True)}{link}{'和'.join(texts)}", claims)
        number = named(rng, first, True).removesuffix(first.noun)
        link = rng.choice(("有", "有着", "长着" if is_living(first.word) else "带"))
        back = [*(claim for part in parts for claim in part.claims()), *first.claims()]
        return Said(f"{number}{link}{'和'.join(texts)}的{first.noun}", back)
    texts = [
        named(rng, part, False)
        if part.name != "hair"
        else named(rng, replace(part, count=None), False).replace("hairs", "hair")
        for part in parts
    ]
    has = "has" if first.count == 1 else "have"
    link = rng.choice((" with ", " with ", f" that {has} ", f" {has} ", " featuring ", ", with "))
    return Said(named(rng, first, False) + link + " and ".join(texts), claims)


def holding(rng: Random, chinese: bool) -> Said:
    """ "a bowl of cherries": what holds and what is held, inside only where that is said."""
    name = rng.choice(list(phrases.CONTAINERS))
    outer = group(rng, chinese, word=_word(name, phrases.CONTAINERS[name]), rich=0.7, one=True)
    outer = replace(outer, exact=False, action=None)
    inner = thing(rng, chinese, 0.5)
    if inner.name == outer.name:
        return holding(rng, chinese)
    inside = _is(inner, "inside", outer)
    if chinese:
        what, holder = named(rng, inner, True, bare=True), named(rng, outer, True)
        verb = rng.choice(("装着", "放着", "有", "插着", "盛着", "装满了"))
        if rng.random() < 0.6:
            return Said(f"{holder}{rng.choice(('里', '里面', '中'))}{verb}{what}",
                        [*outer.claims(), *inner.claims(), inside])  # fmt: skip
        return Said(f"{rng.choice(('装着', '装满'))}{what}的{named(rng, outer, True, bare=True)}",
                    [*inner.claims(), *outer.claims()])  # fmt: skip
    if inner.count == 1:
        inner = replace(inner, count=None, exact=False)
    what, holder = named(rng, inner, False), named(rng, outer, False)
    claims = [*outer.claims(), *inner.claims()]
    if rng.random() < 0.35:
        text = rng.choice((f"{what} in {holder}", f"{holder} with {what} in it",
                           f"{what} inside {holder}"))  # fmt: skip
        first = [*inner.claims(), *outer.claims()] if text.startswith(what) else claims
        return Said(text, [*first, inside])
    return Said(holder + rng.choice((" of ", " of ", " full of ", " filled with ")) + what, claims)


def covered(rng: Random, chinese: bool) -> Said:
    """ "a pond surrounded by willows": both are there, and no more is told."""
    a, b = things(rng, chinese, 2, 0.5)
    b = replace(b, count=None if b.count == 1 else b.count, exact=False)
    first, second = named(rng, a, chinese), named(rng, b, chinese)
    claims = [*a.claims(), *b.claims()]
    if chinese:
        how = rng.choice(
            (
                "，周围{}",
                "，四周都是{}",
                "，被{}环绕",
                "，上面长满了{}",
                "，上面挂满了{}",
                "开满了{}",
                "装饰着{}",
                "，旁边围着{}",
            )
        )
        return Said(first + how.format(second), claims)
    how = rng.choice(("surrounded by", "covered with", "covered in", "decorated with", "full of",
                      "overgrown with", "framed by", "made for", "and also", "together with",
                      "along with", "as well as", "plus"))  # fmt: skip
    return Said(f"{first} {how} {second}", claims)


def owned(rng: Random, chinese: bool) -> Said:
    """ "a sailor and his parrot": whose it is, is no claim."""
    a = thing(rng, chinese, 0.5, one=True)
    word = words.thing(rng, chinese)
    b = Group(word, words.surface(rng, word, chinese))
    if a.name == b.name:
        return owned(rng, chinese)
    claims = [*a.claims(), *b.claims()]
    first = named(rng, a, chinese)
    if chinese:
        its = rng.choice(("它", "他", "她") if is_living(a.word) else ("它",))
        return Said(f"{first}和{its}的{b.noun}", claims)
    its = rng.choice(("his", "her", "its") if is_living(a.word) else ("its",))
    return Said(f"{first} {rng.choice(('and', 'with'))} {its} {b.noun}", claims)


# -- said in two steps, and of several


def again(rng: Random, chinese: bool) -> Said:
    """ "a cat and a dog. The cat is black, the dog is asleep": named first, described later."""
    n = rng.choice((1, 1, 2))
    groups = things(rng, chinese, n, 0.0)
    later = []
    for i, g in enumerate(groups):
        color = pair(rng, "color", chinese) if rng.random() < 0.6 else None
        kinds = () if color else (words.adjective(rng, chinese),)
        later.append(replace(g, color=color, kinds=kinds))
        groups[i] = replace(g, exact=False)
    claims = [claim for g in groups for claim in g.claims()]
    claims += [claim for g in later for claim in g.claims()
               if claim not in claims and claim["kind"] != "count"]  # fmt: skip
    texts = [named(rng, g, chinese) for g in groups]
    hows = [g.color[1] if g.color else g.kinds[0][1] for g in later]
    if chinese:
        its = [g.noun if n > 1 or rng.random() < 0.6 else "它" for g in groups]
        told = [f"{it}是{how}{'' if how.endswith('色') and rng.random() < 0.3 else '的'}"
                for it, how in zip(its, hows, strict=True)]  # fmt: skip
        return Said("和".join(texts) + rng.choice(("，", "。")) + "，".join(told), claims)
    many = [words.many(g.noun) if g.plural else g.noun for g in groups]
    its = [f"the {noun}" if n > 1 or rng.random() < 0.6 else "it" if g.count == 1 else "they"
           for noun, g in zip(many, groups, strict=True)]  # fmt: skip
    be = [rng.choice(("is" if g.count == 1 else "are", "should be")) for g in groups]
    told = [f"{it} {b} {how}" for it, b, how in zip(its, be, hows, strict=True)]
    if n > 1 and rng.random() < 0.4:
        told[1] = f"{its[1]} {hows[1]}"
    text = " and ".join(told) if rng.random() < 0.5 else ", ".join(told)
    if rng.random() < 0.25:  # named only where it is described
        return Said(text, [claim for g in later for claim in g.claims()]
                    if all(g.count == 1 for g in later) else claims)  # fmt: skip
    return Said(" and ".join(texts) + rng.choice((". ", ", ", "; ")) + text, claims)


def coordinated(rng: Random, chinese: bool) -> Said:
    """ "a cat and a dog, and above them a star": said of both; or all of one kind or color."""
    a, b, c = things(rng, chinese, 3, 0.3)
    both = [a, b]
    side = rng.choice(("above", "below", "left of", "right of"))
    claims = [claim for g in both for claim in g.claims()]
    if chinese:
        pair_ = "和".join(named(rng, g, True) for g in both)
        where = rng.choice(SIDES_ZH[side])
        if rng.random() < 0.5:
            ground = named(rng, c, True, bare=rng.random() < 0.6)
            text = f"{pair_}{rng.choice(('都', ''))}在{ground}{where}"
            return Said(text, [*claims, *c.claims(), *(_is(g, side, c) for g in both)])
        claims += [*c.claims(), *(_is(c, side, g) for g in both)]
        return Said(f"{pair_}，它们{rng.choice(('的', ''))}{where}有{named(rng, c, True)}", claims)
    pair_ = " and ".join(named(rng, g, False) for g in both)
    if rng.random() < 0.5:
        where = rng.choice(SIDES_EN[side][:2]).format(named(rng, c, False))
        be = rng.choice(("", "are ", "are both ", "both "))
        return Said(
            f"{pair_} {be}{where}", [*claims, *c.claims(), *(_is(g, side, c) for g in both)]
        )
    where = rng.choice(SIDES_EN[side][:2]).format("them")
    third = named(rng, c, False)
    text = rng.choice((f"{pair_}, {third} {where}", f"{pair_}, and {where} {third}",
                       f"{pair_} with {third} {where}"))  # fmt: skip
    return Said(text, [*claims, *c.claims(), *(_is(c, side, g) for g in both)])


def colored(rng: Random, chinese: bool) -> Said:
    """ "five red apples and two green pears on a table": of each kind its own number and color."""
    groups = things(rng, chinese, rng.choice((2, 2, 3)), 0.0)
    groups = [replace(g, color=pair(rng, "color", chinese), exact=False) for g in groups]
    if len({g.name for g in groups}) < len(groups) or rng.random() < 0.5:
        groups = [replace(g, count=rng.randint(1, 6)) for g in groups]
    claims = [claim for g in groups for claim in g.claims()]
    texts = [named(rng, g, chinese) for g in groups]
    mark, last = ("、", "和") if chinese else (", ", " and ")
    text = last.join(filter(None, (mark.join(texts[:-1]), texts[-1])))
    ground = thing(rng, chinese, 0.4, one=True)
    if rng.random() < 0.5 or ground.name in {g.name for g in groups}:
        return Said(text, claims)
    side = rng.choice(("above", "above", "below", "inside", "left of"))
    claims += [*ground.claims(), *(_is(g, side, ground) for g in groups)]
    at = named(rng, ground, chinese)
    if chinese:
        return Said(f"{text}在{at}{rng.choice(SIDES_ZH[side])}", claims)
    return Said(f"{text} {rng.choice(SIDES_EN[side][:2]).format(at)}", claims)


def two_colors(rng: Random, chinese: bool) -> Said:
    """ "a black and white cow": of both colors."""
    g = replace(thing(rng, chinese, 0.0), color=None)
    first, second = rng.sample(COLORS, 2)
    claims = [*g.claims(), *({"kind": "color", "subject": g.name, "value": value}
                             for value in (first, second))]  # fmt: skip
    if chinese:
        one, two = (words.values("color", True)[color][0][:1] for color in (first, second))
        how = rng.choice(
            (
                f"{one}{two}相间的",
                f"{one}色和{two}色的",
                f"{one}白相间的" if second == "white" else f"{one}{two}两色的",
            )
        )
        number = named(rng, g, True).removesuffix(g.noun)
        return Said(f"{number}{how}{g.noun}", claims)
    mark = rng.choice((" and ", " and ", "-and-"))
    noun = words.many(g.noun) if g.plural else g.noun
    count = named(rng, g, False).removesuffix(noun).strip()
    if count in ("a", "an"):
        count = "an" if first[0] in "aeiou" else "a"
    return Said(f"{count} {first}{mark}{second} {noun}".strip(), claims)


def on_part(rng: Random, chinese: bool) -> Said:
    """ "an owl on the roof of a barn": on the part, not on the whole."""
    a, b = things(rng, chinese, 2, 0.5)
    name = rng.choice(("roof", "window", "door", "balcony", "wheel", "handle", "lid", "tail"))
    if name in (a.name, b.name):
        return on_part(rng, chinese)
    side = rng.choice(("above", "above", "below", "near"))
    part = Group(_word(name, phrases.PARTS[name]), phrases.PARTS[name] if chinese else name)
    link: list[Fields] = [] if side == "near" else [_is(a, side, part)]
    if chinese:
        whole = named(rng, b, True, bare=True)
        text = f"{whole}的{part.noun}{rng.choice(SIDES_ZH[side])}有{named(rng, a, True)}"
        return Said(text, [*b.claims(), *part.claims(), *a.claims(), *link])
    where = rng.choice(SIDES_EN[side]).format(f"the {name} of {named(rng, b, False)}")
    return Said(
        f"{named(rng, a, False)} {where}", [*a.claims(), *part.claims(), *b.claims(), *link]
    )
