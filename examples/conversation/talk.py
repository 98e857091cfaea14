"""Hold a conversation: every line of said.txt, one after another, nothing picked, in one session.

    python examples/conversation/talk.py [--seed 1]

Writes ``README.md`` and ``pictures.jpg`` beside this file. The k-th line has the seed ``seed`` + k.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw

from danqing import DanqingError, Home, Options, Session, Studio

HERE = Path(__file__).parent
TILE, GAP, COLUMNS = 232, 8, 6


def tile(image: Image.Image, number: int) -> Image.Image:
    """A picture in a square, with the number of the line that it belongs to."""
    small = image.convert("RGBA")
    small.thumbnail((TILE, TILE), Image.Resampling.LANCZOS)
    square = Image.new("RGB", (TILE, TILE), (244, 244, 244))
    square.paste(small, ((TILE - small.width) // 2, (TILE - small.height) // 2), small)
    draw = ImageDraw.Draw(square)
    draw.rectangle((0, 0, 22, 14), fill="white")
    draw.text((4, 2), str(number), fill="black")
    return square


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    lines = (HERE / "said.txt").read_text("utf-8").splitlines()
    tiles: list[Image.Image] = []
    parts: list[str] = []
    asked = satisfied = 0
    with (
        tempfile.TemporaryDirectory() as folder,
        Studio(Home.open(Path(folder) / "home")) as studio,
    ):
        studio.warm_up()
        session = Session(studio, Options(seed=args.seed))
        for number, words in enumerate(lines, start=1):
            try:
                said = session.say(words, seed=args.seed + number)
            except DanqingError as error:
                parts.append(f"{number}. **{words}**  \n   {error}\n")
                continue
            if said.turn is not None and said.turn.brief is not None:
                drawn = said.turn.brief.intent in ("make", "edit")
                asked += drawn
                satisfied += drawn and said.turn.satisfied
            if said.pictures:
                tiles.append(tile(studio.image(said.pictures[-1]), number))
            answer = said.words.replace("\n", "  \n   ")
            parts.append(f"{number}. **{words}**  \n   {answer}\n")
            print(f"{number:2} {words}")
    rows = -(-len(tiles) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * (TILE + GAP) + GAP, rows * (TILE + GAP) + GAP), "white")
    for k, picture in enumerate(tiles):
        sheet.paste(picture, (GAP + k % COLUMNS * (TILE + GAP), GAP + k // COLUMNS * (TILE + GAP)))
    sheet.save(HERE / "pictures.jpg", quality=88)
    head = (
        "# A conversation\n\n"
        f"{len(lines)} lines said one after another by `python examples/conversation/talk.py "
        f"--seed {args.seed}`; none picked. Of {asked} requests for a picture or a change, "
        f"{satisfied} ended with every claim met.\n\n![the pictures](pictures.jpg)\n"
    )
    (HERE / "README.md").write_text(head + "\n" + "\n".join(parts), "utf-8")


if __name__ == "__main__":
    main()
