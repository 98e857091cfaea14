"""What a judge's finding rests on, told in the user's language.

An `Evidence` is a sentence in English with gaps and what fills them; `_ZH` holds each sentence in
Chinese. What the judge itself said stays a quotation in its own words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..tools.painter_words import PLACES, Phrase, Place, words
from ..tools.world import Word, world
from .brief import Language
from .seen import Group

_ZH = {
    "no judge here can see this": "这一项没有模型能看出来",
    "the judge can make out nothing": "画面不清，什么也认不出来",
    "the judge cannot tell whether it is “{value}”": "看不出是不是“{value}”",
    "the judge does not say which {kind}": "没有看出{kind}",
    "the judge does not tell the color of a {noun}": "没有说{noun}的颜色",
    "the judge has no word for “{value}”": "识图模型不认得“{value}”",
    "the judge names no {noun}": "没有看到{noun}",
    "the judge says: “{text}”": "识图模型说：“{text}”",
    "asked “{question}”, the judge says “{text}”": "问“{question}”，识图模型答“{text}”",
    "found: {text}": "找到：{text}",
    "the {kind} is {found}": "{kind}是{found}",
    "there is {groups}": "有 {groups}",
    "there is {groups}, but no {color} {noun}": "有 {groups}，但没有{color}的{noun}",
    "there is {groups}; that does not tell": "有 {groups}，看不出位置关系",
    "there is {groups}; the judge did not count": "有 {groups}，没有数清",
    "there is {groups}; the judge names no color": "有 {groups}，没有说颜色",
    "{n} seen: {groups}": "看到 {n} 个：{groups}",
    "{share} of the pixels outside the changed places changed": "改动之外的像素变了 {share}",
    "it is not known how it was before": "不知道原来是什么样",
    "the same things are seen as before": "看到的东西和原来一样",
    "other things are seen than before: {lost}": "看到的东西和原来不同：{lost}",
    "it is {times} times as large as before": "是原来的 {times} 倍大",
}
_PLACES_ZH = {
    "far left": "最左边", "left": "左边", "center": "中间", "right": "右边", "far right": "最右边",
    "top": "上方", "bottom": "下方", "top left": "左上角", "top right": "右上角",
    "bottom left": "左下角", "bottom right": "右下角", "foreground": "近处", "background": "远处",
}  # fmt: skip
PLACES_TOLD = tuple(_PLACES_ZH)
"""The parts of a picture that a claim may name."""
_KEPT_ZH = {"everything else": "其他部分", "everything": "整幅画"}
_KINDS_ZH = {
    "season": "季节", "time": "时间", "weather": "天气", "setting": "地点", "style": "风格",
}  # fmt: skip


class Quote(str):
    """Words that stay as they are in every language."""


class Evidence:
    """A sentence with gaps; ``values`` are words of the world, numbers, `Quote`s or `Group`s.

    Raises KeyError for a ``sentence`` that there is no Chinese for.
    """

    def __init__(self, sentence: str, **values: object) -> None:
        self._english, self._chinese, self._values = sentence, _ZH[sentence], values
        self._sure: float | None = None

    def doubted(self, sure: float) -> Evidence:
        """The same, with the confidence (0 to 1) that was too low to count."""
        doubted = Evidence(self._english, **self._values)
        doubted._sure = sure
        return doubted

    def tell(self, language: Language) -> str:
        """The sentence in ``language``."""
        told = {name: _filled(value, language) for name, value in self._values.items()}
        sentence = (self._chinese if language == "zh" else self._english).format(**told)
        if self._sure is None:
            return sentence
        doubt = f"（{self._sure:.0%} 的把握）" if language == "zh" else f" ({self._sure:.0%} sure)"
        return sentence + doubt


def in_chinese(word: object) -> str:
    """The Chinese for a canonical word, where there is one; else the word."""
    w, word = world(), str(word)
    pools: tuple[Mapping[str, Word], ...] = (
        w.objects, w.colors, w.seasons, w.times, w.weathers, w.settings, w.styles, w.relations,
    )  # fmt: skip
    for table in (_KINDS_ZH, _PLACES_ZH, _KEPT_ZH):
        if word in table:
            return table[word]
    return next((pool[word].zh[0] for pool in pools if word in pool), word)


def _filled(value: object, language: Language) -> str:
    if isinstance(value, (list, tuple)):
        return _groups(value, language)
    if language == "en" or isinstance(value, Quote):
        return str(value)
    return in_chinese(value)


def _groups(groups: Iterable[Group], language: Language) -> str:
    """The groups as the judge named them: "a red house at the left and two trees"."""
    if language == "zh":
        return "、".join(_group_zh(group) for group in groups)
    return " and ".join(_group_en(group) for group in groups)


def _group_en(group: Group) -> str:
    inside, on = (
        f"the {holder.color} {holder.noun}" if holder and holder.color
        else f"the {holder.noun}" if holder else None
        for holder in (group.inside, group.on)
    )  # fmt: skip
    return words(
        Phrase(
            group.noun, group.count, group.color, _place(group), group.sky,
            inside=inside, on=None if inside else on,
        )
    )  # fmt: skip


def _group_zh(group: Group) -> str:
    color = f"{in_chinese(group.color)}的" if group.color else ""
    count = "" if group.count is None else f"{group.count} 个"
    place = _place(group)
    where = [
        f"{in_chinese(holder.color) + '的' if holder.color else ''}{in_chinese(holder.noun)}{side}"
        for holder, side in ((group.inside, "里"), (group.on, "上")) if holder
    ]  # fmt: skip
    where += ["天上"] if group.sky else []
    where += [_PLACES_ZH[place]] if place and place != "across" else []
    return count + color + in_chinese(group.noun) + (f"（{'，'.join(where)}）" if where else "")


def _place(group: Group) -> Place | None:
    if group.x is not None:
        return PLACES[min(int(group.x * len(PLACES)), len(PLACES) - 1)]
    return "across" if group.spread else None
