"""The arms: ways to answer a request with the same painter and the same seeds.

An arm sees nothing of a case but its request and its seed, save those that are there to say how
good a loop could be (the oracle) and what its judge is worth (the placebo).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from danqing import Brief, Budget, Finding, Options, Studio, TurnDocument, Verdict

from .graders import grade
from .graders.spec import Atom, Spec

BATCH = 4
"""Pictures that the studio draws in one call."""


@dataclass(frozen=True)
class Row:
    """What came of one case in one arm.

    ``picture`` is the file of what was handed over, or None. ``claims`` are what the studio took
    the request to say: kind, subject, value, object and status of each. ``calls`` are pictures
    drawn, ``seconds`` what the turn took, steps that an earlier arm had run already included;
    ``steps`` are what each step took, by what it worked on.
    """

    id: str
    arm: str
    picture: str | None
    satisfied: bool
    stopped: str
    calls: int
    seconds: float
    claims: tuple[tuple[str, str | None, str | int | None, str | None, str], ...]
    steps: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Row:
        """The row that `as_json` wrote."""
        return cls(**{**data, "claims": tuple(tuple(claim) for claim in data["claims"])})

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class Runner:
    """Carries out cases on one studio. ``rows`` are what is known already, from this run or from
    one that it goes on with."""

    def __init__(self, studio: Studio, folder: Path, rows: Iterable[Row] = ()) -> None:
        self.studio, self.folder = studio, folder
        self.rows = {(row.id, row.arm): row for row in rows}
        self._took = {key: s for row in self.rows.values() for key, s in row.steps.items() if s}

    def run(self, spec: Spec, arm: str) -> Row:
        """The row of one case. Raises KeyError where an arm needs another's row first."""
        row = ARMS[arm].answer(self, spec)
        self.rows[spec.id, arm] = row
        return row

    def ask(
        self, spec: Spec, arm: str, *, request: str | None = None, seed: int | None = None,
        pictures: int | None = None,
    ) -> Row:  # fmt: skip
        """One turn of the studio; ``pictures`` is all it may draw, None leaves that to it."""
        name = self.folder / f"{spec.id}-{arm}.png".replace(" ", "-")
        options = Options(
            seed=spec.seed if seed is None else seed % 2**32,
            budget=Budget() if pictures is None else Budget(pictures=pictures),
            out=str(name),
        )  # fmt: skip
        turn = self.studio.ask(request or spec.request, options)
        return self._row(spec, arm, turn, name.name if turn.picture else None)

    def _row(self, spec: Spec, arm: str, turn: TurnDocument, picture: str | None) -> Row:
        steps: dict[str, float] = {}
        saved = 0.0
        for step in turn.steps:
            key = " ".join([step.tool, *step.inputs.values(), *step.outputs])
            if step.outcome == "reused":
                saved += self._took.get(key, 0.0)
            else:
                steps[key] = self._took[key] = step.seconds
        claims = turn.brief.claims if turn.brief else ()
        return Row(
            spec.id, arm, picture, turn.satisfied, turn.stopped, turn.cost.pictures,
            round(turn.cost.seconds + saved, 3),
            tuple((c.kind, c.subject, c.value, c.object, _status(turn, c.id)) for c in claims),
            steps,
        )  # fmt: skip


def _status(turn: TurnDocument, claim: str) -> str:
    finding = turn.verdict.get(claim)
    return finding.status if finding else "unseen"


# -- without repair


def _single(runner: Runner, spec: Spec) -> Row:
    return runner.ask(spec, "single", pictures=1)


def _reworded(runner: Runner, spec: Spec) -> Row:
    return runner.ask(spec, "reworded", request=spec.canonical, pictures=1)


def _chance(runner: Runner, spec: Spec) -> Row:
    seed = spec.seed + int(np.random.default_rng([spec.seed, 1]).integers(1, 64))
    return runner.ask(spec, "chance", seed=seed, pictures=1)


def _best(runner: Runner, spec: Spec) -> Row:
    left = max(runner.rows[spec.id, "loop"].calls, 1)
    tries: list[Row] = []
    while left > 0:
        n = min(left, BATCH)
        seed = spec.seed + BATCH * len(tries)
        tries.append(runner.ask(spec, f"best-{len(tries)}", seed=seed, pictures=n))
        left -= n
    best = max(tries, key=_score)
    return Row(
        spec.id, "best", best.picture, best.satisfied, best.stopped,
        sum(row.calls for row in tries), round(sum(row.seconds for row in tries), 3), best.claims,
        {key: s for row in tries for key, s in row.steps.items()},
    )  # fmt: skip


def _score(row: Row) -> tuple[int, int, int]:
    """Orders rows as the studio orders pictures: most met, then fewest unmet and unsure."""
    statuses = [claim[-1] for claim in row.claims]
    return statuses.count("met"), -statuses.count("unmet"), -statuses.count("unsure")


# -- with repair


def _loop(runner: Runner, spec: Spec) -> Row:
    return runner.ask(spec, "loop")


def _judged(arm: str) -> Callable[[Runner, Spec], Row]:
    def answer(runner: Runner, spec: Spec) -> Row:
        return runner.ask(spec, arm)

    return answer


@dataclass(frozen=True)
class Arm:
    """``judged`` tells whether it needs a judge of its own in the place of the studio's."""

    answer: Callable[[Runner, Spec], Row]
    about: str
    judged: bool = False


ARMS: dict[str, Arm] = {
    "loop": Arm(_loop, "the agent's loop as it is"),
    "best": Arm(_best, "as many pictures as the loop drew for the case, the studio's judge picks"),
    "single": Arm(_single, "one picture from one seed"),
    "reworded": Arm(_reworded, "one picture, the request spelled out by a template"),
    "chance": Arm(
        _chance,
        "one picture from another seed: what picking one of N by chance comes to, and the noise",
    ),
    "oracle": Arm(_judged("oracle"), "the loop with the graders for a judge", judged=True),
    "shuffled": Arm(
        _judged("shuffled"), "the loop with a judge that says what is true of other pictures",
        judged=True,
    ),
}  # fmt: skip
"""Every arm by name, in the order in which they are run."""


# -- judges of one's own


class Judge:
    """Stands in the place of the studio's judge; ``spec`` is the case that is being worked on."""

    spec: Spec
    others: Mapping[str, Sequence[bool]] | None = None
    """For a placebo: by kind of atom, what was true of other pictures; None for the oracle."""

    def __call__(self, brief: Brief, picture: Image.Image) -> Verdict:
        """The verdict on a Brief's claims: those that have an atom get what the graders say of it,
        the others are met if the picture has all that is asked."""
        answers = {atom: all(both) for atom, both in grade(self.spec, picture).items()}
        if self.others is not None:
            answers = self._of_others(answers, picture)
        right = all(answers.values())
        found = {
            c.id: _atom_of(c.kind, c.subject, c.value, c.object, answers) for c in brief.claims
        }
        told = {
            id: right if atom is None else (right or answers[atom]) for id, atom in found.items()
        }
        if told and all(told.values()) and not right:  # what is wrong was never understood
            told = dict.fromkeys(told, False)
        return Verdict(findings={id: _finding(met) for id, met in told.items()})

    def _of_others(
        self, answers: Mapping[Atom, bool], picture: Image.Image
    ) -> dict[Atom, bool]:  # fmt: skip
        assert self.others is not None
        rng = np.random.default_rng([self.spec.seed, zlib.crc32(picture.tobytes())])
        return {atom: bool(rng.choice(self.others[atom.kind])) for atom in answers}


def _finding(met: bool) -> Finding:
    return Finding(status="met" if met else "unmet", evidence="the graders", judge="graders")


def _atom_of(
    kind: str, subject: str | None, value: str | int | None, object: str | None,
    atoms: Iterable[Atom],
) -> Atom | None:  # fmt: skip
    """The atom that says the same as a claim; a claim of several things is one of their presence,
    too."""
    for atom in atoms:
        if (atom.kind, atom.subject, atom.value, atom.object) == (kind, subject, value, object):
            return atom
    return None


def statuses(row: Row, spec: Spec) -> dict[Atom, str]:
    """What the studio said of each atom that it took the request to ask for."""
    told = {}
    for kind, subject, value, object, status in row.claims:
        atom = _atom_of(kind, subject, value, object, spec.atoms)
        if atom is not None:
            told[atom] = status
    return told
