"""Captions say what is true of a scene, all of it in the canonical form, and nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np
import pytest

from danqing.tools.painter_words import Phrase, painter_prompt, plural
from danqing.tools.world import Word, world
from training.scenes import captions, chinese_words, english_words, facts, layout
from training.scenes.spec import Scene, Thing

REGISTERS: tuple[captions.Register, ...] = ("terse", "plain", "florid")
LANGUAGES: tuple[captions.Language, ...] = ("en", "zh")
NUMBERS = ("a", "an", "two", "three", "four", "five", "six")
ON_GROUND = [name for name, word in world().objects.items() if word.category != "sky"]
IN_SKY = ["sun", "moon", "star", "cloud", "bird", "balloon"]


def random_scene(seed: int) -> Scene:
    """One to five groups anywhere in the picture, some inside a boat and some on a table."""
    rng = np.random.default_rng(seed)
    w = world()
    one_of = {
        "setting": w.settings, "season": w.seasons, "time": w.times, "weather": w.weathers,
        "style": w.styles,
    }  # fmt: skip
    things: list[Thing] = []

    def color(kind: str) -> str | None:
        return str(rng.choice(list(w.colors))) if w.objects[kind].coloured else None

    for kind in rng.choice(IN_SKY, rng.integers(0, 3), replace=False):
        shade = color(kind)
        for _ in range(int(rng.integers(1, 7))):
            x, y = rng.uniform(0.0, 0.9), rng.uniform(0.0, 0.35)
            things.append(Thing(str(kind), (x, y, x + 0.1, y + 0.1), shade))
    for kind in rng.choice(ON_GROUND, rng.integers(1, 4), replace=False):
        shade = color(kind)
        for _ in range(int(rng.integers(1, 7))):
            x = rng.uniform(0.0, 0.8)
            things.append(Thing(str(kind), (x, 0.6, x + 0.2, 0.75), shade))
    if rng.random() < 0.4:
        x = rng.uniform(0.0, 0.7)
        things.append(Thing("boat", (x, 0.55, x + 0.3, 0.85), color("boat")))
        held = Thing("cat", (x + 0.1, 0.6, x + 0.2, 0.7), color("cat"), inside=len(things) - 1)
        things.append(held)
    if rng.random() < 0.4:
        x = rng.uniform(0.0, 0.7)
        things.append(Thing("table", (x, 0.7, x + 0.3, 0.95), color("table")))
        things.append(Thing("cup", (x + 0.1, 0.65, x + 0.2, 0.71), color("cup")))
    words = {name: str(rng.choice(list(pool))) for name, pool in one_of.items()}
    return Scene(seed=seed, horizon=0.5, things=tuple(things), **words)


SCENES = [random_scene(seed) for seed in range(200)] + [layout.sample(seed) for seed in range(200)]


def free_captions(language: captions.Language) -> list[tuple[Scene, str]]:
    return [
        (scene, captions.caption(scene, np.random.default_rng(n), language, register))
        for n, scene in enumerate(SCENES)
        for register in REGISTERS
    ]


ENGLISH, CHINESE = free_captions("en"), free_captions("zh")


# -- the canonical form, read back by a parser of its own


@dataclass(frozen=True)
class Read:
    """One group as a canonical caption states it."""

    count: int | str | None
    color: str | None
    noun: str
    sky: bool = False
    place: str | None = None
    holder: str | None = None


def alternatives(words: list[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


NOUNS = {plural(name): name for name in world().objects} | {name: name for name in world().objects}
PHRASE = re.compile(
    rf"(?:(?P<count>{alternatives(list(NUMBERS))}|several) )?"
    rf"(?:(?P<color>{alternatives(list(world().colors))}) )?"
    rf"(?P<noun>{alternatives(list(NOUNS))})"
    rf"(?: in (?P<worn>{alternatives(list(world().colors))}))?"
    r"(?: (?P<holder>(?:inside|on) (?:the|an?) [a-z ]+?))?"
    r"(?P<sky> in the sky)?"
    r"(?: at the (?P<place>far left|left|center|right|far right)"
    r"| across the (?P<across>scene|sky))?"
)


def read(caption: str) -> tuple[dict[str, str], list[Read]]:
    """The attributes and the groups of a canonical caption; raises AssertionError if it is none."""
    w = world()
    attributes: dict[str, str] = {}
    groups: list[Read] = []
    styles = {"flat illustration": "flat", "oil painting": "oil"} | {
        name: name for name in w.styles if name not in ("flat", "oil")
    }
    pools = {"setting": w.settings, "season": w.seasons, "time": w.times, "weather": w.weathers}
    assert caption.endswith(".") or not caption
    sentences = caption[:-1].split(". ") if caption else []
    if sentences and sentences[0] in styles:
        attributes["style"] = styles[sentences.pop(0)]
    if sentences and all(
        any(f in pool for pool in pools.values()) for f in sentences[0].split(", ")
    ):
        for fact in sentences.pop(0).split(", "):
            name = next(name for name, pool in pools.items() if fact in pool)
            assert list(pools).index(name) >= len([a for a in attributes if a in pools])
            attributes[name] = fact
    assert len(sentences) <= 1, caption
    for phrase in sentences[0].split("; ") if sentences else []:
        match = PHRASE.fullmatch(phrase)
        assert match, phrase
        count = match["count"]
        one = count in ("a", "an")
        assert (NOUNS[match["noun"]] == match["noun"]) == one, phrase
        number = {"a": 1, "an": 1, "several": "several", None: None}.get(count)
        assert match["color"] is None or NOUNS[match["noun"]] != "person", phrase
        groups.append(
            Read(
                number if count not in NUMBERS or one else NUMBERS.index(count),
                match["color"] or match["worn"],
                NOUNS[match["noun"]],
                bool(match["sky"]) or match["across"] == "sky",
                "across" if match["across"] else match["place"],
                match["holder"],
            )
        )
    return attributes, groups


def expected(scene: Scene) -> list[Read]:
    """The groups of a scene, counted here once more, without the code under test."""
    found: dict[tuple[str, str | None, str | None, bool], list[float]] = {}
    for n, thing in enumerate(scene.things):
        x0, _, x1, foot = thing.box
        on = None
        flies = thing.kind in ("bird", "balloon") and foot < scene.horizon
        if thing.kind not in ("sun", "moon", "star", "cloud") and not flies:
            for m, table in enumerate(scene.things[:n]):
                near = abs(foot - table.box[1]) < 0.15 * (table.box[3] - table.box[1])
                if table.kind == "table" and near and table.box[0] <= x0 and x1 <= table.box[2]:
                    on = m
        sky = thing.inside is None and (flies or thing.kind in ("sun", "moon", "star", "cloud"))
        held = thing.inside if thing.inside is not None else on
        holder = None
        if held is not None:
            kind, shade = scene.things[held].kind, scene.things[held].color
            like = [t for t in scene.things if t.kind == kind and shade in (None, t.color)]
            named = f"{shade} {kind}" if shade else kind
            article = "the" if len(like) == 1 else "an" if named[0] in "aeiou" else "a"
            holder = f"{'on' if thing.inside is None else 'inside'} {article} {named}"
        found.setdefault((thing.kind, thing.color, holder, sky), []).append((x0 + x1) / 2)
    result = []
    for (kind, shade, holder, sky), xs in sorted(found.items(), key=lambda e: np.mean(e[1])):
        bins = ("far left", "left", "center", "right", "far right")
        place = "across" if max(xs) - min(xs) > 0.4 else bins[min(int(np.mean(xs) * 5), 4)]
        result.append(Read(len(xs), shade, kind, sky, place, holder))
    return [group for group in result if not group.sky] + [group for group in result if group.sky]


def test_a_canonical_caption_reads_back_as_exactly_the_scene() -> None:
    for scene in SCENES:
        attributes, groups = read(captions.canonical(scene))
        assert attributes == {
            name: getattr(scene, name) for name in ("style", "setting", "season", "time", "weather")
        }
        assert groups == expected(scene), captions.canonical(scene)


def test_a_canonical_caption_is_short() -> None:
    for scene in SCENES:
        if len(facts.groups(scene)) <= 5:
            assert len(captions.canonical(scene).split()) <= 60


def test_a_caption_with_gaps_says_nothing_that_the_whole_does_not() -> None:
    left_out = 0
    for n, scene in enumerate(SCENES):
        text = captions.caption(scene, np.random.default_rng(n), "en", "canonical")
        whole_attributes, whole = read(captions.canonical(scene))
        attributes, groups = read(text)
        assert attributes.items() <= whole_attributes.items()
        assert len(groups) == len(whole)
        left_out += text != captions.canonical(scene)
        for group in groups:
            assert any(could_be(group, other) for other in whole), text
    assert left_out > 0.4 * len(SCENES)


def could_be(said: Read, true: Read) -> bool:
    counts = {true.count, None if true.count != 1 else 1}
    if isinstance(true.count, int) and true.count >= 3:
        counts.add("several")
    return (
        said.noun == true.noun and said.holder == true.holder and said.count in counts
        and said.color in (None, true.color) and said.place in (None, true.place)
        and said.sky in (true.sky, False)
    )  # fmt: skip


def test_the_agent_can_write_the_same_prompt_without_a_scene() -> None:
    prompt = painter_prompt(
        style="oil",
        time="night",
        setting="sea",
        phrases=[
            Phrase("star", None, sky=True),
            Phrase("person", 2, "orange", "far left"),
            Phrase("cat", inside="the blue boat"),
            Phrase("umbrella", "several", "orange", "across"),
        ],
    )
    assert prompt == (
        "oil painting. sea, night. two people in orange at the far left; a cat inside the blue"
        " boat; several orange umbrellas across the scene; stars in the sky."
    )
    assert painter_prompt() == ""


def test_a_phrase_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="0"):
        Phrase("cat", 0)
    with pytest.raises(ValueError, match="not both"):
        Phrase("cat", inside="the boat", on="the table")


# -- free captions: true in every word


def words_for(name: str, table: dict[str, Word], language: str) -> set[str]:
    word = table[name]
    return {name, *word.en} if language == "en" else set(word.zh)


ENGLISH_NOUNS = {
    form: name
    for name in world().objects
    for word in words_for(name, world().objects, "en")
    for form in (word, plural(word))
}
PLURALS = {
    plural(word) for name in world().objects for word in words_for(name, world().objects, "en")
}
ENGLISH_COLORS = {
    word: name for name, entry in world().colors.items() for word in (name, *entry.en)
}
COUNTED = re.compile(
    r"\b(an?|one|two|three|four|five|six|[1-6]|a couple of|a pair of|several|some) "
    rf"(?:(?:{alternatives(list(ENGLISH_COLORS))}) )?({alternatives(list(ENGLISH_NOUNS))})\b",
    re.IGNORECASE,
)


def test_english_counts_are_never_wrong() -> None:
    exact = 0
    for scene, text in ENGLISH:
        stated: dict[str, int] = {}
        for number, noun in COUNTED.findall(text):
            kind = ENGLISH_NOUNS[noun.lower()]
            true = facts.count(scene, kind)
            number = number.lower()
            if number in ("several", "some"):
                assert true >= 3, text
                continue
            size = {"a couple of": 2, "a pair of": 2, "one": 1}.get(number)
            size = size or (int(number) if number.isdigit() else max(NUMBERS.index(number), 1))
            assert (noun.lower() in PLURALS) == (size > 1), text
            stated[kind] = stated.get(kind, 0) + size
        for kind, size in stated.items():
            assert size <= facts.count(scene, kind), text
            exact += size == facts.count(scene, kind)
    assert exact > len(ENGLISH)


def test_english_names_every_group_and_nothing_else() -> None:
    pattern = re.compile(rf"\b({alternatives(list(ENGLISH_NOUNS))})\b", re.IGNORECASE)
    for scene, text in ENGLISH:
        named = {ENGLISH_NOUNS[noun.lower()] for noun in pattern.findall(text)}
        assert named == {thing.kind for thing in scene.things}, text


def test_english_colors_are_those_of_the_scene() -> None:
    pattern = re.compile(rf"\b({alternatives(list(ENGLISH_COLORS))})\b", re.IGNORECASE)
    for scene, text in ENGLISH:
        named = {ENGLISH_COLORS[color.lower()] for color in pattern.findall(text)}
        assert named <= {thing.color for thing in scene.things}, text


@pytest.mark.parametrize("table", ["seasons", "weathers", "styles"])
def test_no_caption_names_another_season_weather_or_style(table: str) -> None:
    entries = getattr(world(), table)
    for language, pairs in (("en", ENGLISH), ("zh", CHINESE)):
        for scene, text in pairs:
            true = getattr(scene, table.removesuffix("s"))
            for name in entries:
                for word in words_for(name, entries, language):
                    if name == true or word in words_for(true, entries, language):
                        continue
                    if len(word) == 1 or word in ("ink", "vector"):  # also a part of other words
                        continue
                    there = re.search(rf"\b{word}\b", text) if language == "en" else word in text
                    assert not there, (name, text)


def test_the_same_generator_gives_the_same_caption() -> None:
    for n, scene in enumerate(SCENES[:40]):
        for language in LANGUAGES:
            first, second = (
                captions.caption(scene, np.random.default_rng(n), language) for _ in range(2)
            )
            assert first == second


def test_captions_hardly_repeat() -> None:
    for pairs in (ENGLISH, CHINESE):
        assert len({text for _, text in pairs}) > 0.97 * len(pairs)


def test_every_fact_is_left_out_at_times_and_said_at_times() -> None:
    for pairs, table in ((ENGLISH, english_words.SETTING_TAGS), (CHINESE, None)):
        said = 0
        for scene, text in pairs:
            words = table[scene.setting] if table else world().settings[scene.setting].zh
            said += any(word in text.lower() for word in words)
        assert 0.4 < said / len(pairs) < 0.95


def test_every_relation_is_said_in_both_languages() -> None:
    for pairs, words in (
        (ENGLISH, ("left of", "right of", "above", "below", "between", "in", "on top of")),
        (CHINESE, ("左边", "右侧", "上方", "下面", "之间", "里", "上")),
    ):
        for word in words:
            assert any(word in text for _, text in pairs), word


def test_relations_that_are_said_are_true() -> None:
    pattern = re.compile(
        rf"({alternatives(list(ENGLISH_NOUNS))})(?: (?:is|are|{alternatives(verbs())}))?"
        rf" (?:to the |on the )?(left of|right of|above|over|below|beneath|under) "
        rf"(?:(?:the|an?|\d|two|three|four|five|six|several|some|a couple of|a pair of) )?"
        rf"(?:(?:{alternatives(list(ENGLISH_COLORS))}) )?({alternatives(list(ENGLISH_NOUNS))})\b"
    )
    same = {"over": "above", "beneath": "below", "under": "below"}
    checked = 0
    for scene, text in ENGLISH:
        for noun, value, other in pattern.findall(text):
            subject, object_ = ENGLISH_NOUNS[noun], ENGLISH_NOUNS[other]
            if len({g.color for g in facts.groups(scene) if g.kind in (subject, object_)}) > 2:
                continue
            if max(sum(g.kind == k for g in facts.groups(scene)) for k in (subject, object_)) > 1:
                continue
            value = same.get(value, value)
            assert facts.holds(scene, "relation", subject=subject, value=value, object=object_), (
                text
            )
            checked += 1
    assert checked > 100


def verbs() -> list[str]:
    stems = {v for table in english_words.VERBS.values() for v in table}
    stems |= {v for table in english_words.AIR_VERBS.values() for v in table}
    heads = [stem.partition(" ") for stem in sorted(stems)]
    return [*sorted(stems), *(f"{a}{s}{b}{c}" for a, b, c in heads for s in ("s", "es"))]


# -- Chinese


MEASURE = {
    "person": "个位", "cat": "只", "dog": "只条", "rabbit": "只", "horse": "匹", "bird": "只",
    "house": "座栋所间", "tower": "座", "castle": "座", "tent": "顶", "car": "辆", "boat": "艘条只",
    "balloon": "个只", "tree": "棵", "pine": "棵", "flower": "朵", "cactus": "棵株",
    "mushroom": "朵个", "sun": "轮个", "moon": "轮个", "star": "颗", "cloud": "朵片", "table": "张",
    "chair": "把", "lamp": "盏", "cup": "个只", "ball": "个只", "umbrella": "把",
}  # fmt: skip
CHINESE_NOUNS = {word: name for name, entry in world().objects.items() for word in entry.zh}
CHINESE_COLORS = {word: name for name, entry in world().colors.items() for word in entry.zh}
CHINESE_COUNTED = re.compile(
    r"([一两三四五六]|几|好几|[1-6])([个位只条匹座栋所间顶辆艘棵株朵轮颗片张把盏])"
    rf"(?:身?穿)?({alternatives(list(CHINESE_COLORS))})?(?:衣服)?的?({alternatives(list(CHINESE_NOUNS))})"
)


def test_chinese_counts_and_measure_words_are_right() -> None:
    exact = 0
    for scene, text in CHINESE:
        assert "二" not in text
        stated: dict[str, int] = {}
        for number, measure, color, noun in CHINESE_COUNTED.findall(text):
            kind = CHINESE_NOUNS[noun]
            assert measure in MEASURE[kind], text
            if color:
                assert facts.count(scene, kind, CHINESE_COLORS[color]), text
            if "几" in number:
                assert facts.count(scene, kind) >= 3, text
            else:
                size = int(number) if number.isdigit() else "零一两三四五六".index(number)
                stated[kind] = stated.get(kind, 0) + size
        for kind, size in stated.items():
            assert size <= facts.count(scene, kind), text
            exact += size == facts.count(scene, kind)
    assert exact > len(CHINESE)


def test_every_number_in_chinese_stands_before_a_measure_word() -> None:
    for _, text in CHINESE:
        for sign in ("一幅", "一个寂静", "一个宁静", "一个静静", "一个安宁", "一望无际", "这一切",
                     "一格一格", "其中一"):  # fmt: skip
            text = text.replace(sign, "")
        numbers = re.findall(r"[一两三四五六](?!些)", text)
        counted = [m for m in CHINESE_COUNTED.findall(text) if m[0] in "一两三四五六"]
        assert len(numbers) == len(counted), text


def test_chinese_has_no_latin_letters_and_no_ascii_punctuation() -> None:
    for _, text in CHINESE:
        assert not re.search(r"[A-Za-z,.;:]", text), text
        assert not re.search(r"[，。；：、]{2}|^[，。；]", text), text


def test_chinese_names_nothing_that_is_not_there() -> None:
    pattern = re.compile(alternatives(list(CHINESE_NOUNS)))
    for scene, text in CHINESE:
        text = text.replace("雪花", "").replace("多云", "").replace("桌上", "桌子上")
        named = {CHINESE_NOUNS[noun] for noun in pattern.findall(text)}
        assert named == {thing.kind for thing in scene.things}, text


def test_chinese_colors_are_those_of_the_scene() -> None:
    pattern = re.compile(alternatives(list(CHINESE_COLORS)))
    for scene, text in CHINESE:
        text = re.sub("黄昏|白天", "", text)
        named = {CHINESE_COLORS[color] for color in pattern.findall(text)}
        assert named <= {thing.color for thing in scene.things}, text


def test_every_chinese_noun_has_its_measure_word() -> None:
    for name, entry in world().objects.items():
        for word in set(entry.zh) - chinese_words.UNUSED:
            assert set("".join(chinese_words.MEASURES[word])) <= set(MEASURE[name]), word


def test_chinese_says_left_and_right_the_right_way_round() -> None:
    scene, checked = scene_of(HOUSE, TREE), 0
    for n in range(300):
        text = captions.caption(scene, np.random.default_rng(n), "zh", REGISTERS[n % 3])
        for house, tree in (("[房屋子]+", "树"), ("树", "[房屋子]+")):
            away, near = ("右", "左") if tree == "树" else ("左", "右")
            assert not re.search(f"{house}在[^，。；、 ]*{tree}的?{away}", text), text
            assert not re.search(f"{house}的?{near}[边侧][^，。；、]*{tree}", text), text
            checked += bool(
                re.search(f"{house}(在[^，。；、 ]*{tree}的?{near}|的?{away}[边侧])", text)
            )
    assert checked > 100


def test_there_is_no_canonical_form_in_chinese() -> None:
    with pytest.raises(ValueError, match="zh"):
        captions.caption(SCENES[0], np.random.default_rng(0), "zh", "canonical")


# -- facts


def scene_of(*things: Thing) -> Scene:
    return Scene(0, "meadow", "summer", "day", "clear", "flat", 0.5, things)


HOUSE = Thing("house", (0.05, 0.5, 0.25, 0.7), "red")
TREE = Thing("tree", (0.7, 0.45, 0.9, 0.75), "green")
CAR = Thing("car", (0.42, 0.55, 0.58, 0.7), "blue")
SUN = Thing("sun", (0.1, 0.05, 0.2, 0.15))
TABLE = Thing("table", (0.3, 0.7, 0.7, 0.95), "brown")
CUP = Thing("cup", (0.45, 0.62, 0.55, 0.72), "white")


def said(scene: Scene) -> set[tuple[str, str, str]]:
    found = facts.groups(scene)
    return {(found[r.subject].kind, r.value, found[r.object].kind) for r in facts.relations(scene)}


def test_left_and_between_are_seen_on_the_ground() -> None:
    assert said(scene_of(HOUSE, CAR, TREE)) == {
        ("house", "left of", "car"), ("car", "left of", "tree"), ("house", "left of", "tree"),
        ("car", "between", "house"),
    }  # fmt: skip


def test_nothing_on_the_ground_is_above_another_unless_it_stands_on_it() -> None:
    far = replace(CAR, box=(0.42, 0.2, 0.58, 0.51))
    near = replace(TREE, box=(0.42, 0.7, 0.58, 0.99))
    assert said(scene_of(far, near)) == set()
    assert said(scene_of(TABLE, CUP)) == {("cup", "above", "table")}
    assert said(scene_of(CUP, TABLE)) == set(), "painted before the table it is behind it"


def test_the_sun_is_above_the_house_and_not_above_what_is_far_to_the_side() -> None:
    assert ("sun", "above", "house") in said(scene_of(SUN, HOUSE))
    low = replace(SUN, box=(0.1, 0.35, 0.2, 0.45))
    assert said(scene_of(low, TREE)) == {("sun", "left of", "tree")}


def test_a_relation_between_groups_holds_for_every_pair() -> None:
    stray = replace(HOUSE, box=(0.8, 0.5, 0.95, 0.65))
    assert ("house", "left of", "car") not in said(scene_of(HOUSE, stray, CAR))


def test_what_is_inside_is_neither_left_of_nor_above_its_holder() -> None:
    boat = Thing("boat", (0.3, 0.5, 0.7, 0.9), "blue")
    cat = Thing("cat", (0.31, 0.55, 0.4, 0.7), "black", inside=0)
    assert said(scene_of(boat, cat)) == {("cat", "inside", "boat")}


def test_a_cat_in_one_of_two_boats_is_inside_a_boat() -> None:
    boats = [Thing("boat", (x, 0.5, x + 0.3, 0.9), "blue") for x in (0.1, 0.6)]
    cat = Thing("cat", (0.2, 0.55, 0.3, 0.7), "black", inside=0)
    scene = scene_of(*boats, cat)
    assert ("cat", "inside", "boat") in said(scene)
    assert facts.holds(scene, "relation", subject="cat", value="inside", object="boat")
    assert "a black cat inside a blue boat at the left" in captions.canonical(scene)


def test_a_place_must_be_clear() -> None:
    def place(x: float) -> str | None:
        scene = scene_of(Thing("cat", (x - 0.05, 0.6, x + 0.05, 0.7)))
        return facts.place(scene, facts.groups(scene)[0])

    assert [place(x) for x in (0.35, 0.38, 0.41, 0.59, 0.62, 0.65)] == [
        "left", None, "center", "center", None, "right",
    ]  # fmt: skip


def test_claims_are_answered_exactly() -> None:
    scene = scene_of(SUN, HOUSE, replace(HOUSE, color="blue", box=(0.5, 0.5, 0.6, 0.7)), CAR, TREE)
    holds = facts.holds
    assert holds(scene, "count", subject="house", value=2)
    assert not holds(scene, "count", subject="house", value=1)
    assert holds(scene, "count", subject="house", value=1, color="red")
    assert not holds(scene, "count", subject="house", value="several")
    assert holds(scene, "object", subject="tree") and not holds(scene, "object", subject="cat")
    assert holds(scene, "absent", subject="cat") and not holds(scene, "absent", subject="tree")
    assert holds(scene, "color", subject="tree", value="green")
    assert not holds(scene, "color", subject="house", value="red"), "one of the two is blue"
    assert holds(scene, "color", subject="house", value="red", among=("red", "blue"))
    assert not holds(scene, "color", subject="cat", value="red")
    assert holds(scene, "place", subject="tree", value="right")
    assert holds(scene, "place", subject="sun", value="top left")
    assert not holds(scene, "place", subject="house", value="left")
    assert holds(scene, "place", subject="house", value="left", color="red")
    assert holds(scene, "season", value="summer") and not holds(scene, "style", value="oil")
    assert holds(scene, "relation", subject="tree", value="right of", object="house")
    assert not holds(scene, "relation", subject="cat", value="left of", object="house")
    assert holds(scene, "relation", subject="house", value="below", object="sun", color="red")
    assert holds(scene, "relation", subject="car", value="between", object="house", object2="tree")


def test_between_two_of_a_kind() -> None:
    pair = (replace(TREE, box=(0.05, 0.5, 0.2, 0.7)), CAR, TREE)

    def between(scene: Scene) -> bool:
        return facts.holds(
            scene, "relation", subject="car", value="between", object="tree", object2="tree"
        )

    assert between(scene_of(*pair))
    assert not between(scene_of(*pair[1:]))


@pytest.mark.parametrize(
    ("claim", "value"), [("place", "background"), ("relation", "beside"), ("text", "HELLO")]
)
def test_what_a_spec_cannot_answer_raises(claim: str, value: str) -> None:
    with pytest.raises(ValueError, match=value):
        facts.holds(scene_of(HOUSE, TREE), claim, subject="house", value=value, object="tree")


def test_a_mirrored_scene_exchanges_left_and_right_and_nothing_else() -> None:
    other = {"left": "right", "right": "left", "center": "center", None: None}
    for scene in SCENES:
        mirrored = facts.mirror(scene)
        for a, b in zip(facts.groups(scene), facts.groups(mirrored), strict=True):
            assert (a.kind, a.color, len(a.things)) == (b.kind, b.color, len(b.things))
            assert facts.place(mirrored, b) == other[facts.place(scene, a)]
        exchanged = {
            (o, v, s) if v == "left of" else (s, v, o)
            for s, v, o in said(scene)
            if v in ("left of", "above", "inside")
        }
        assert {r for r in said(mirrored) if r[1] != "between"} == exchanged


# -- spots


def test_a_composed_caption_is_the_canonical_one_with_a_spot_for_every_thing() -> None:
    for seed in range(200):
        scene = random_scene(seed)
        text = captions.composed(scene)
        places = r" (at the (far )?(left|right|center)|across the scene)(?=[;.])"
        bare = re.sub(places, "", captions.canonical(scene)).replace("across the sky", "in the sky")
        assert re.sub(r",? <\w+>", "", text) == bare
        told = sorted(
            tuple(int(n) for n in spot) for spot in re.findall(r"<x(\d+)> <y(\d+)> <h(\d+)>", text)
        )
        true = sorted(
            (round(16 * (x0 + x1)), round(32 * y1), round(32 * (y1 - y0)))
            for x0, y0, x1, y1 in (thing.box for thing in scene.things)
        )
        assert told == true
        assert re.findall(r"<horizon(\d+)>", text) == [str(round(32 * scene.horizon))]
