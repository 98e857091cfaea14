"""Graders: what is in a picture, said by eyes that share nothing with the product.

Two of them, a classical one without any learning and a learned one of another architecture than the
product's judges. A picture is correct when both see every atom in it.
"""

from __future__ import annotations

from PIL import Image

from . import classical, learned
from .spec import Atom, Spec, holds


def grade(spec: Spec, picture: Image.Image | None) -> dict[Atom, tuple[bool, bool]]:
    """For each atom of ``spec`` whether the classical and the learned grader see it in a picture of
    any size; nothing is in a picture that was not made."""
    if picture is None:
        return dict.fromkeys(spec.atoms, (False, False))
    asked = {kind for atom in spec.atoms for kind in (atom.subject, atom.object) if kind}
    sights = classical.see(picture, asked), learned.see(picture)
    return {
        atom: (holds(atom, sights[0]), holds(atom, sights[1])) for atom in dict.fromkeys(spec.atoms)
    }
