"""``python -m danqing`` is ``danqing``."""

from .cli import main

main()
