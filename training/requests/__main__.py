"""Print samples: ``python -m training.requests 20 --seed 7``."""

from __future__ import annotations

import argparse
from itertools import islice

from . import samples


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.requests", description=__doc__)
    parser.add_argument("n", type=int, nargs="?", default=20)
    parser.add_argument("--seed", default="0")
    parser.add_argument(
        "--messages", action="store_true", help="the whole message, not the request"
    )
    args = parser.parse_args()
    for sample in islice(samples(args.seed), args.n):
        print(f"[{sample.kind}] {sample.message if args.messages else sample.request}")
        told = sample.understanding.model_dump_json(exclude_defaults=True)
        print(f"    {told}")


if __name__ == "__main__":
    main()
