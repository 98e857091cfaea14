"""What things do, to what and where: "two old sailors are mending a net on a pier"."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from . import phrases, words
from .said import Fields, Group, Said, group, is_living, named

ON = ("on", "on", "on top of", "atop", "upon")
WHERE_EN: dict[str, tuple[str, ...]] = {
    "above": ON,
    "below": ("under", "beneath", "below", "underneath"),
    "inside": ("in", "inside", "in", "aboard"),
    "near": ("next to", "beside", "near", "by", "in front of", "behind", "around", "beyond", "at",
             "against", "towards", "past", "from", "through", "across", "along", "with"),
    "left of": ("to the left of", "left of"), "right of": ("to the right of", "right of"),
}  # fmt: skip
WHERE_ZH: dict[str, tuple[str, ...]] = {
    "above": ("上", "上面", "上方", "顶上"), "below": ("下", "下面", "底下", "下方"),
    "inside": ("里", "里面", "中"),
    "near": ("旁", "旁边", "前", "前面", "后面", "边", "边上", "附近", "身旁", "周围"),
    "left of": ("左边", "左侧"), "right of": ("右边", "右侧"),
}  # fmt: skip
WEIGHTS = (34, 12, 14, 28, 6, 6)
LIES_EN = ("hanging", "lying", "standing", "sitting", "placed", "resting")
LIES_ZH = ("放着", "摆着", "挂着", "立着", "放了", "摆放着", "有")
"""How a lifeless thing is somewhere, which is no action."""


def living(rng: Random, chinese: bool) -> words.Word:
    """Somebody, who may be whom nobody knows ("a quilter", "a ferryman")."""
    if not chinese and rng.random() < 0.2:
        first = f"{rng.choice(phrases.FIRST)} " if rng.random() < 0.4 else ""
        name = first + rng.choice(words.people())
        return words.Word(name, (name,), ())
    while True:
        word = words.thing(rng, chinese)
        if is_living(word):
            return word


def who(rng: Random, chinese: bool, rich: float = 0.7) -> Group:
    word = living(rng, chinese)
    found = group(rng, chinese, word=word, rich=rich, remarked=True)
    return replace(found, action=None)


def draw(rng: Random, chinese: bool) -> Said:
    """Somebody, or a few together, who do something, perhaps to something and somewhere."""
    roll = rng.random()
    if roll < 0.12:
        return _parked(rng, chinese) if roll < 0.03 else _lifeless(rng, chinese)
    many = 1 if rng.random() < 0.78 else rng.choice((2, 2, 3))
    people = [who(rng, chinese, 0.8 if many == 1 else 0.4) for _ in range(many)]
    roll = rng.random()
    onto = _thing(rng, chinese, 0.7) if roll < 0.4 else None
    ground = _thing(rng, chinese, 0.5) if rng.random() < (0.35 if onto else 0.6) else None
    names = [g.name for g in (*people, onto, ground) if g]
    if len(set(names)) < len(names):
        return draw(rng, chinese)
    deed = words.deed(rng, chinese, "alone" if onto is None else "to")
    where = rng.choices(list(WHERE_EN), WEIGHTS)[0]
    told = _chinese if chinese else _english
    return told(rng, people, deed, onto, ground, where)


_VEHICLES = ("car", "truck", "bus", "bicycle", "motorcycle", "taxi", "van", "tractor", "scooter",
             "sports car", "train", "carriage", "police car", "fire truck")  # fmt: skip


def _parked(rng: Random, chinese: bool) -> Said:
    """ "a yellow car parked in front of a house"."""
    car = group(rng, chinese, word=words.one_of(rng, _VEHICLES, chinese), rich=0.9)
    car, ground = replace(car, action=None), _thing(rng, chinese, 0.6)
    if car.name == ground.name:
        return _parked(rng, chinese)
    where = rng.choices(list(WHERE_EN), WEIGHTS)[0]
    link = rng.choice((WHERE_ZH if chinese else WHERE_EN)[where])
    first, second = named(rng, car, chinese), named(rng, ground, chinese)
    acts, relations = _acts([car], "parked"), _relations([car], where, ground)
    if chinese and rng.random() < 0.5:
        back = [*ground.claims(), *car.claims(), *relations, *acts]
        return Said(f"{second}{link}停着{first}", back)
    be = rng.choice(("", "is " if car.count == 1 else "are "))
    text = f"{first}停在{second}{link}" if chinese else f"{first} {be}parked {link} {second}"
    return Said(text, [*car.claims(), *acts, *ground.claims(), *relations])


def _lifeless(rng: Random, chinese: bool) -> Said:
    """ "a candle glows on a windowsill"."""
    what, ground = _thing(rng, chinese, 0.7), None
    if rng.random() < 0.5:
        ground = _thing(rng, chinese, 0.5)
    if is_living(what.word) or (ground and ground.name == what.name):
        return _lifeless(rng, chinese)
    where = rng.choices(list(WHERE_EN), WEIGHTS)[0]
    told = _chinese if chinese else _english
    return told(rng, [what], words.deed(rng, chinese, "lifeless"), None, ground, where)


def _thing(rng: Random, chinese: bool, rich: float) -> Group:
    one = rng.random() < 0.8
    found = group(rng, chinese, rich=rich, one=one, remarked=True)
    return replace(found, action=None, exact=False)


def _acts(people: list[Group], value: str) -> list[Fields]:
    return [{"kind": "object", "subject": g.name, "value": value} for g in people]


def _relations(people: list[Group], where: str, ground: Group | None) -> list[Fields]:
    if ground is None or where == "near":
        return []
    return [
        {"kind": "relation", "subject": g.name, "value": where, "object": ground.name}
        for g in people
    ]


def _flat(groups: list[Group]) -> list[Fields]:
    return [claim for g in groups for claim in g.claims()]


def _english(
    rng: Random, people: list[Group], deed: words.Deed, onto: Group | None, ground: Group | None,
    where: str,
) -> Said:  # fmt: skip
    texts = [named(rng, g, False) for g in people]
    subject = " and ".join(filter(None, (", ".join(texts[:-1]), texts[-1])))
    one = len(people) == 1 and people[0].count == 1
    be, does = ("is", deed.s) if one else ("are", deed.base)
    whom = f" {named(rng, onto, False)}" if onto else ""
    link = rng.choice(WHERE_EN[where])
    at = f"{link} {named(rng, ground, False)}" if ground else ""
    rest = f"{whom} {at}".rstrip()
    forward = [*_flat(people), *_acts(people, deed.value)]
    forward += onto.claims() if onto else []
    forward += ground.claims() if ground else []
    relations = _relations(people, where, ground)
    roll = rng.random()
    if deed.value == "sleeping" and rng.random() < 0.4:
        return Said(f"{subject} {rng.choice(('', f'{be} '))}asleep{rest}", [*forward, *relations])
    if roll < 0.12 and len(people) == 1 and onto is None and people[0].noun == people[0].word.name:
        g = replace(people[0], kinds=((deed.value, deed.value), *people[0].kinds))
        return Said(f"{named(rng, g, False)} {at}".rstrip(), [
            *g.claims(), *(ground.claims() if ground else []), *relations,
        ])  # fmt: skip
    if roll < 0.24 and ground:
        verb = rng.choice((f"{be} {subject} {deed.value}{whom}", f", {subject} {deed.value}{whom}",
                           f" {subject} {does}{whom}"))  # fmt: skip
        text = f"{at} {verb}".replace(" , ", ", ").replace("  ", " ")
        if verb.startswith(be) and not whom and rng.random() < 0.5:
            text = f"{at} {does} {subject}"
        back = [*ground.claims(), *_flat(people), *_acts(people, deed.value)]
        return Said(text, back + (onto.claims() if onto else []) + relations)
    if ground and not onto and roll > 0.94 and len(people) == 1:
        which = f"{link} which {rng.choice((f'{subject} {does}', f'{does} {subject}'))}"
        back = [*ground.claims(), *_flat(people), *_acts(people, deed.value), *relations]
        return Said(f"{named(rng, ground, False)}{rng.choice((' ', ', '))}{which}", back)
    both = "both " if len(people) == 2 and rng.random() < 0.1 else ""
    form = rng.choice((
        f"{subject} {both}{deed.value}{rest}", f"{subject} {both}{deed.value}{rest}",
        f"{subject} {be} {both}{deed.value}{rest}", f"{subject} {does}{rest}",
        f"{subject} {does}{rest}", f"{subject} who {be} {deed.value}{rest}",
        f"{subject} that {does}{rest}", f"{subject}, {deed.value}{rest}",
        f"{subject}, {both}{deed.value}{rest}",
        f"{subject} {deed.past}{rest}",
    ))  # fmt: skip
    if ground and not onto and one and rng.random() < 0.1:
        form = f"{subject} {rng.choice(('sitting', 'standing'))}"  # what follows is where
        value = form.rsplit(" ", 1)[1]
        form = f"{form} {at}, {deed.value}"
        claims = [*_flat(people), *_acts(people, value), *ground.claims(), *relations]
        return Said(form, [*claims, *_acts(people, deed.value)])
    return Said(form, [*forward, *relations])


def _chinese(
    rng: Random, people: list[Group], deed: words.Deed, onto: Group | None, ground: Group | None,
    where: str,
) -> Said:  # fmt: skip
    texts = [named(rng, g, True) for g in people]
    subject = rng.choice(("和", "和", "与", "、")).join(texts)
    loc = rng.choice(WHERE_ZH[where])
    of = "的" if len(loc) > 1 and rng.random() < 0.25 else ""
    at = f"{named(rng, ground, True, bare=rng.random() < 0.7)}{of}{loc}" if ground else ""
    verb = deed.zh
    acts, relations = _acts(people, deed.value), _relations(people, where, ground)
    on = ground.claims() if ground else []
    roll = rng.random()
    if onto:
        whom = named(rng, onto, True, bare=rng.random() < 0.6)
        what = onto.claims()
        now = rng.choice(("在", "正在", "正", "", ""))
        link = "着" if verb[-1] not in "着上过" and len(verb) == 1 and rng.random() < 0.5 else ""
        does = f"{now}{verb}{link}{whom}"
        if roll < 0.25 and not at and len(people) == 1 and people[0].count == 1:
            return Said(f"{now}{verb}{link}{whom}的{subject}", [*what, *_flat(people), *acts])
        if at and roll < 0.6:
            return Said(f"{subject}在{at}{verb}{link}{whom}",
                        [*_flat(people), *on, *relations, *acts, *what])  # fmt: skip
        if at:
            return Said(f"{at}，{subject}{does}", [*on, *_flat(people), *relations, *acts, *what])
        return Said(f"{subject}{does}", [*_flat(people), *acts, *what])
    stem = verb.removesuffix("着")
    if at and roll < 0.2:
        linked = f"{stem}着" if len(stem) == 1 else f"有{subject}在{stem}"
        text = f"{at}{linked}{subject}" if len(stem) == 1 else f"{at}{linked}"
        return Said(text, [*on, *_flat(people), *relations, *acts])
    if at and roll < 0.4 and len(stem) == 1:
        return Said(f"{subject}{stem}在{at}", [*_flat(people), *acts, *on, *relations])
    if at and roll < 0.55 and len(people) == 1:
        g = people[0]
        number = texts[0][: len(texts[0]) - len(g.noun)] if texts[0].endswith(g.noun) else ""
        if not (g.color or g.size or g.kinds or g.mood):
            return Said(f"{number}在{at}{verb}的{g.noun}", [*g.claims(), *on, *relations, *acts])
        return Said(f"在{at}{verb}的{subject}", [*on, *_flat(people), *relations, *acts])
    if at:
        now = rng.choice(("", "", "正"))
        return Said(f"{subject}{now}在{at}{verb}", [*_flat(people), *on, *relations, *acts])
    if len(people) == 1 and roll < 0.35:
        g = replace(people[0], kinds=((deed.value, f"{rng.choice(('', '正在'))}{verb}"),
                                      *people[0].kinds))  # fmt: skip
        return Said(named(rng, g, True), g.claims())
    every = rng.choice(("都", "一起", "")) if len(people) > 1 else ""
    return Said(
        f"{subject}{every}{rng.choice(('在', '正在', '正', ''))}{verb}", [*_flat(people), *acts]
    )


def lying(rng: Random, chinese: bool) -> Said:
    """A lifeless thing that hangs or lies somewhere, which only says where it is."""
    a, b = _thing(rng, chinese, 0.8), _thing(rng, chinese, 0.6)
    if a.name == b.name or is_living(a.word):
        return lying(rng, chinese)
    where = rng.choices(list(WHERE_EN), (50, 12, 12, 20, 3, 3))[0]
    relation = _relations([a], where, b)
    first = named(rng, a, chinese)
    if chinese:
        loc = rng.choice(WHERE_ZH[where])
        second = named(rng, b, True, bare=rng.random() < 0.7)
        if rng.random() < 0.3:
            how = rng.choice(("挂", "放", "摆", "立"))
            return Said(f"{first}{how}在{second}{loc}", [*a.claims(), *b.claims(), *relation])
        how = rng.choice(LIES_ZH)
        return Said(f"{second}{loc}{how}{first}", [*b.claims(), *a.claims(), *relation])
    be = "is" if a.count == 1 else "are"
    how, link = rng.choice(LIES_EN), rng.choice(WHERE_EN[where])
    text = f"{first} {rng.choice(('', f'{be} ', f'that {be} '))}{how} {link} {named(rng, b, False)}"
    return Said(text, [*a.claims(), *b.claims(), *relation])
