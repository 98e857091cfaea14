"""Draw the gallery: every line of requests.txt once, nothing picked, on one sheet with its claims.

    python examples/gallery/draw.py [--seed 1]

Writes ``gallery.jpg`` and ``README.md`` beside this file. The k-th request has the seed
``seed`` + k.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from PIL import Image

from danqing.agent.home import Home
from danqing.agent.reply import describe
from danqing.agent.studio import Options, Studio, TurnDocument

HERE = Path(__file__).parent
TILE, GAP, COLUMNS = 256, 8, 8
MARKS = {"met": "✓", "unmet": "✗", "unsure": "?", "unseen": "–"}


def table(document: TurnDocument) -> str:
    """The claims of one request as rows of a Markdown table."""
    assert document.brief is not None
    if not document.brief.claims:
        return "| | nothing to check | |"
    rows = []
    for claim in document.brief.claims:
        finding = document.verdict.get(claim.id)
        mark = MARKS[finding.status] if finding else "–"
        said = describe(claim, document.brief.language)
        rows.append(f"| {mark} | {said} | {finding.evidence if finding else ''} |")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    requests = (HERE / "requests.txt").read_text("utf-8").splitlines()
    rows = -(-len(requests) // COLUMNS)
    side = TILE + GAP
    sheet = Image.new("RGB", (COLUMNS * side + GAP, rows * side + GAP), "white")
    parts, met, claims, satisfied = [], 0, 0, 0
    with (
        tempfile.TemporaryDirectory() as folder,
        Studio(Home.open(Path(folder) / "home")) as studio,
    ):
        studio.warm_up()
        for k, request in enumerate(requests):
            document = studio.ask(request, Options(seed=args.seed + k))
            findings = list(document.verdict.values())
            met += sum(f.status == "met" for f in findings)
            claims += len(findings)
            satisfied += document.satisfied
            if document.picture is not None:
                with Image.open(document.picture.path) as picture:
                    tile = picture.convert("RGB").resize((TILE, TILE), Image.Resampling.LANCZOS)
                sheet.paste(tile, (GAP + k % COLUMNS * side, GAP + k // COLUMNS * side))
            parts.append(
                f"### {k + 1}. {request}\n\n| | claim | what the judges saw |\n|---|---|---|\n"
                f"{table(document)}\n"
            )
            print(f"{k + 1:2} {'satisfied' if document.satisfied else document.stopped}: {request}")
    sheet.save(HERE / "gallery.jpg", quality=88)
    head = (
        "# Gallery\n\n"
        f"{len(requests)} requests, drawn once each by `python examples/gallery/draw.py --seed "
        f"{args.seed}`, left to right and top to bottom; none picked by hand. "
        f"The judges found {met} of {claims} claims met; {satisfied} of {len(requests)} "
        "requests have every claim met.\n\n![the gallery](gallery.jpg)\n"
    )
    (HERE / "README.md").write_text(head + "\n" + "\n".join(parts), "utf-8")


if __name__ == "__main__":
    main()
