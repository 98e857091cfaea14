"""From graded edits to the JSON document and the tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from ..tables import aligned
from .report import hashes
from .statistics import bootstrap, wilson

if TYPE_CHECKING:
    from .changes import Case
    from .edits import Grade, Row

Document = dict[str, Any]
Graded = tuple["Case", "Row", "Grade", "Grade | None"]


def document(
    some: Sequence[Case], rows: Sequence[Row], grades: Mapping[str, tuple[Grade, Grade | None]]
) -> Document:
    """Everything that is reported, ready for JSON, with every case."""
    graded = [(case, row, *grades[case.id]) for case, row in zip(some, rows, strict=True)]
    kinds = dict.fromkeys(case.kind for case in some)
    of = {kind: [one for one in graded if one[0].kind == kind] for kind in kinds}
    success = [one[2].success for one in graded]
    said = [case.kind for case in some]
    return {
        "version": 1,
        "graders": hashes(),
        "kinds": {kind: _of_kind(mine) for kind, mine in of.items()},
        "all": _of_kind(graded),
        "mean": asdict(bootstrap(success, said)),
        "languages": {
            language: _share([o for o in graded if o[0].language == language], _success)
            for language in ("en", "zh")
        },
        "forms": {
            name: _share([o for o in graded if o[0].held_out == held_out], _success)
            for name, held_out in (("plain", False), ("held out", True))
        },
        "cases": [
            {"row": asdict(row), "grade": asdict(grade), "atoms": [*map(str, case.edit.atoms)],
             "success": grade.success, "true": asdict(true) if true else None}
            for case, row, grade, true in graded
        ],
    }  # fmt: skip


def _success(one: Graded) -> bool:
    return one[2].success


def _decidable(one: Graded) -> bool:
    """Whether the graders know the true target for what it is. Its pixels are not asked: to the
    renderer's brushes another scene is another picture everywhere."""
    return one[3] is not None and all(one[3].followed) and not any(one[3].lost)


def _claimed(one: Graded) -> bool:
    """Whether a picture was handed over as what was asked for."""
    return one[1].satisfied and one[1].picture is not None


def _of_kind(some: Sequence[Graded]) -> Document:
    true = [one for one in some if one[3] is not None]
    wrong = [one for one in some if not one[2].success]
    regional = [one[2] for one in some if one[2].outside is not None]
    layouts = [one[2].layout for one in some if one[2].layout is not None]
    frames = [one[2].frame for one in some if one[2].frame is not None]
    seconds = [one[1].seconds for one in some]
    claimed = [one for one in some if one[1].kept == "met"]
    return {
        "n": len(some),
        "followed": _share(some, lambda o: all(o[2].followed)),
        "followed_learned": _share(some, lambda o: o[2].followed[1]),
        "kept": _share(some, lambda o: o[2].kept and not o[2].still),
        "success": _share(some, _success),
        "success_learned": _share(some, _by_learned),
        "ceiling": _share(true, _decidable),
        "success_decidable": _share([o for o in some if o[3] is None or _decidable(o)], _success),
        "over_edit": _share(some, lambda o: all(o[2].followed) and not o[2].kept),
        "no_op": _share(some, lambda o: o[2].still),
        "wrong_target": _share(some, _wrong_target),
        "false_claims": _share(wrong, _claimed),
        "satisfied": _share(some, _claimed),
        "kept_claim_wrong": _share(claimed, lambda o: not o[2].kept),
        "outside": _spread([g.outside or 0.0 for g in regional]),
        "exact": _spread([g.exact for g in regional if g.exact is not None]),
        "psnr": _spread([g.psnr for g in regional if g.psnr is not None]),
        "layout": _spread(layouts),
        "frame": _spread(frames),
        "seconds": _spread(seconds),
        "calls": float(np.mean([one[1].calls for one in some])),
    }  # fmt: skip


def _by_learned(one: Graded) -> bool:
    grade = one[2]
    return grade.followed[1] and not grade.lost[1] and grade.whole and grade.local


def _wrong_target(one: Graded) -> bool:
    """Not what was asked is so, and another thing is not as it was, as both graders see it."""
    return not all(one[2].followed) and all(one[2].lost)


def _share(some: Sequence[Graded], test: Callable[[Graded], bool]) -> Document:
    return asdict(wilson(sum(test(one) for one in some), len(some)))


def _spread(values: Sequence[float]) -> Document | None:
    if not values:
        return None
    return {
        "median": float(np.median(values)), "mean": float(np.mean(values)),
        "low": float(np.min(values)), "high": float(np.max(values)), "n": len(values),
    }  # fmt: skip


# -- as text


def markdown(doc: Document) -> str:
    """The tables."""
    rows = [[
        "change", "n", "followed", "kept", "success", "true target", "success where that passes",
        "by learned alone", "over-edited", "not done", "wrong target", "false claims", "seconds",
    ]]  # fmt: skip
    for name, kind in [*doc["kinds"].items(), ("all", doc["all"])]:
        rows.append([
            name, str(kind["n"]), _plain(kind["followed"]), _plain(kind["kept"]),
            _told(kind["success"]), _plain(kind["ceiling"]),
            _plain(kind["success_decidable"]), _plain(kind["success_learned"]),
            _plain(kind["over_edit"]), _plain(kind["no_op"]), _plain(kind["wrong_target"]),
            _of(kind["false_claims"]), f"{kind['seconds']['median']:.1f}",
        ])  # fmt: skip
    parts = [aligned(rows)]
    mean = doc["mean"]
    parts.append(
        f"Mean success over the kinds {mean['value']:.3f} [{mean['low']:.3f}, {mean['high']:.3f}]; "
        + "; ".join(
            f"{name} {_told(share)}" for name, share in {**doc["languages"], **doc["forms"]}.items()
        )
        + "."
    )
    parts.append(aligned([
        ["change", "changed outside, median", "at most", "not bit-identical outside, median",
         "PSNR outside", "layout F1", "frame", "“kept” met though not so"],
        *([name, *_kept_cells(kind)] for name, kind in doc["kinds"].items()),
    ]))  # fmt: skip
    anchors = doc.get("anchors")
    if anchors and any(anchors.values()):
        told = "; ".join(f"{name} {np.mean(v):.3f}" for name, v in anchors.items() if v)
        parts.append(f"Layout F1 of an untouched picture 1.000; {told}.")
    return "\n\n".join(parts) + "\n"


def _kept_cells(kind: Document) -> list[str]:
    outside, exact = kind["outside"], kind["exact"]
    return [
        f"{outside['median']:.2%}" if outside else "", f"{outside['high']:.2%}" if outside else "",
        f"{exact['median']:.2%}" if exact else "",
        f"{kind['psnr']['median']:.0f}" if kind["psnr"] else "",
        f"{kind['layout']['median']:.3f}" if kind["layout"] else "",
        f"{kind['frame']['median']:.2f}" if kind["frame"] else "",
        _of(kind["kept_claim_wrong"]),
    ]  # fmt: skip


def _told(share: Document) -> str:
    if not share["n"]:
        return ""
    return f"{share['value']:.2f} [{share['low']:.2f}, {share['high']:.2f}]"


def _plain(share: Document) -> str:
    return f"{share['value']:.2f}" if share["n"] else ""


def _of(share: Document) -> str:
    """A share of few as a fraction."""
    return f"{round(share['value'] * share['n'])} of {share['n']}" if share["n"] else ""
