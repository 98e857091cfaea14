"""Take models from a hub into the home: what is asked for, nothing else, and whole.

A file arrives beside its place, goes on where it was cut, and is moved there once its size and its
digest are those that the hub tells. ``HF_ENDPOINT`` and ``HF_TOKEN`` are heeded, as huggingface_hub
does. Pickles and code are never taken.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import manifest
from .catalogue import Source, is_weights
from .errors import Stopped
from .manifest import Manifest, size_of

Progress = Callable[[str, int, int], None]
"""Called with a file's path, its bytes that are here, and all of its bytes."""
CHUNK = 1 << 20
SPARE = 256 << 20
"""Bytes that are to be free on the disk afterwards."""
WAITS = (1.0, 2.0, 4.0, 8.0)
"""Seconds before each new try, where the connection was cut or the hub is busy."""
LONGEST_WAIT = 60.0
"""Seconds up to which it is waited as long as a hub asks."""
_BUSY = (408, 429, 500, 502, 503, 504)
TIMEOUT = 30.0
"""Seconds without an answer after which a connection counts as cut."""
KEPT = "What has arrived is kept, and goes on from there the next time."
_PART = ".part"


class Refused(Stopped):
    """A hub is reached, and does not give what was asked for."""


@dataclass(frozen=True)
class Wanted:
    """A file of a repository; ``digest`` is the SHA-256 of a large one, for others what git names
    it by."""

    path: str
    size: int
    digest: str
    large: bool


@dataclass(frozen=True)
class Order:
    """What is to be taken from a repository, at one commit."""

    source: Source
    repository: str
    revision: str
    license: str
    files: tuple[Wanted, ...]

    @property
    def missing(self) -> tuple[Wanted, ...]:
        """Those that are not here yet."""
        taken = manifest.read(self.source.folder)
        here = taken.files if taken is not None and taken.revision == self.revision else {}
        return tuple(
            file for file in self.files
            if file.path not in here or size_of(self.source.folder / file.path) != file.size
        )  # fmt: skip

    @property
    def bytes_left(self) -> int:
        """How many bytes are still to come."""
        folder = self.source.folder
        return sum(file.size - _arrived(folder, file) for file in self.missing)


def order(source: Source, *, configuration: bool = False) -> Order:
    """Ask the hub what there is to take for ``source``, or with ``configuration`` only what is no
    weights.

    Raises `Stopped` where the hub is not reached, `Refused` where it does not give it.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from huggingface_hub import HfApi

    repository = str(source.repository)
    with _explained(repository):
        told = HfApi().model_info(repository, revision=source.revision, files_metadata=True)
    found = [
        Wanted(
            s.rfilename, int(s.size or 0), s.lfs.sha256 if s.lfs else str(s.blob_id), bool(s.lfs)
        )
        for s in told.siblings or ()
        if source.wants(s.rfilename) and not (configuration and is_weights(s.rfilename))
    ]  # fmt: skip
    if not configuration and not any(file.path.endswith(source.weights) for file in found):
        raise Refused(
            f"{repository} has no {source.weights} files at {source.revision} that are wanted.",
            hint="Weights in other formats are not taken, for they may hold code.",
        )
    license_ = getattr(told.card_data, "license", None) if told.card_data else None
    return Order(source, repository, str(told.sha), str(license_ or ""), tuple(found))


def check_room(orders: Sequence[Order]) -> None:
    """Raise `Stopped` unless the disk has room for all that is still to come."""
    for folder in {order_.source.folder.parent for order_ in orders}:
        place = next(parent for parent in (folder, *folder.parents) if parent.is_dir())
        needed = sum(o.bytes_left for o in orders if o.source.folder.parent == folder)
        free = shutil.disk_usage(place).free
        if needed and needed + SPARE > free:
            raise Stopped(
                f"{in_words(needed)} are to be downloaded, and {place} has {in_words(free)} free.",
                kept="Nothing was downloaded.",
                hint="Make room, or move the home with --home or DANQING_HOME.",
            )


def take(order_: Order, progress: Progress) -> None:
    """Bring all that is missing, and keep the manifest.

    Raises `Stopped` where a file does not come or is not what the hub says it is; what has arrived
    is kept, and goes on from there the next time.
    """
    folder = order_.source.folder
    folder.mkdir(parents=True, exist_ok=True)
    taken = manifest.read(folder)
    if taken is None or taken.revision != order_.revision:
        taken = Manifest(repository=order_.repository, revision=order_.revision, files={})
    files = dict(taken.files)
    missing = {*taken.missing, *(file.path for file in order_.missing)}
    for file in order_.missing:
        place = folder / file.path
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_name(place.name + _PART)
        with _explained(order_.repository):
            _fetch(order_, file, part, progress)
        sha256 = _verified(order_, file, part)
        part.replace(place)
        stat = place.stat()
        files[file.path] = manifest.File(
            size=stat.st_size, sha256=sha256, mtime_ns=stat.st_mtime_ns
        )
        missing.discard(file.path)
        taken = taken.model_copy(update={"files": dict(files), "missing": tuple(sorted(missing))})
        taken.write(folder)


def in_words(size: float) -> str:
    """A number of bytes as people say it: "2.1 GB"."""
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def _fetch(order_: Order, file: Wanted, part: Path, progress: Progress) -> None:
    """Bring a file to ``part``, going on where that ends, and trying anew where it is cut."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.utils import httpx  # type: ignore[attr-defined]

    url = hf_hub_url(order_.repository, file.path, revision=order_.revision)
    for wait in (*WAITS, None):
        asked = 0.0
        try:
            asked = _receive(url, file, part, progress)
        except httpx.TransportError:
            if wait is None:
                raise
        if size_of(part) >= file.size:
            return
        if wait is None:
            raise Stopped(
                f"{order_.repository} did not send all of {file.path}:"
                f" {in_words(max(size_of(part), 0))} of {in_words(file.size)} have arrived.",
                kept=KEPT,
            )
        time.sleep(min(max(wait, asked), LONGEST_WAIT))


def _receive(url: str, file: Wanted, part: Path, progress: Progress) -> float:
    """Receive what is missing of ``part``, as far as it comes. Returns the seconds that the hub
    asks to wait before more is asked for.

    Raises the errors of huggingface_hub and of its HTTP client.
    """
    from huggingface_hub.utils import (  # type: ignore[attr-defined]
        build_hf_headers,
        get_session,
        hf_raise_for_status,
    )

    begun = max(size_of(part), 0)
    if begun >= file.size and part.exists():
        return 0.0
    headers = build_hf_headers() | {"Accept-Encoding": "identity"}
    if begun:
        headers["Range"] = f"bytes={begun}-"
    with get_session().stream(
        "GET", url, headers=headers, follow_redirects=True, timeout=TIMEOUT
    ) as response:
        if response.status_code in _BUSY:
            asked = response.headers.get("Retry-After", "")
            return float(asked) if asked.isdigit() else 0.0
        hf_raise_for_status(response)
        if response.status_code != 206:  # it does not go on from the middle
            begun = 0
        with part.open("ab" if begun else "wb") as stream:
            progress(file.path, begun, file.size)
            for chunk in response.iter_bytes():
                stream.write(chunk)
                begun += len(chunk)
                progress(file.path, begun, file.size)
                if begun > file.size:
                    break
            stream.flush()
            os.fsync(stream.fileno())
    return 0.0


def _verified(order_: Order, file: Wanted, part: Path) -> str:
    """The SHA-256 of a file that has arrived; `Stopped` where it is not what the hub says."""
    size = size_of(part)
    sha256, sha1 = hashlib.sha256(), hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)
    with part.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            sha256.update(chunk)
            if not file.large:
                sha1.update(chunk)
    found = sha256.hexdigest() if file.large else sha1.hexdigest()
    if (size, found) != (file.size, file.digest):
        part.unlink()
        what = f"{size} bytes instead of {file.size}" if size != file.size else "other bytes"
        raise Stopped(
            f"{file.path} of {order_.repository} arrived with {what}.",
            kept="It was thrown away; what arrived before it is kept.",
            hint="Try again; a proxy or a mirror may have changed it.",
        )
    return sha256.hexdigest()


@contextlib.contextmanager
def _explained(repository: str) -> Iterator[None]:
    """The errors of huggingface_hub, in words."""
    from huggingface_hub import constants, errors
    from huggingface_hub.utils import httpx  # type: ignore[attr-defined]

    page = f"{constants.ENDPOINT}/{repository}"
    try:
        yield
    except errors.GatedRepoError:
        raise Refused(
            f"{repository} is given only to those who have accepted its terms.", kept=KEPT,
            hint=f"Accept them at {page}, and set HF_TOKEN to a token of yours.",
        ) from None  # fmt: skip
    except errors.RevisionNotFoundError:
        raise Refused(f"{repository} has no such revision any more.", kept=KEPT) from None
    except (errors.RepositoryNotFoundError, errors.EntryNotFoundError) as error:
        raise Refused(
            f"{constants.ENDPOINT} has no {repository}, or not all of it: {_first_line(error)}",
            kept=KEPT, hint="If it is private, set HF_TOKEN to a token that may read it.",
        ) from None  # fmt: skip
    except errors.HfHubHTTPError as error:
        code = getattr(error.response, "status_code", 0)
        busy = code == 429
        raise Stopped(
            f"{constants.ENDPOINT} is asked too often at the moment." if busy
            else f"{constants.ENDPOINT} answered for {repository}: {_first_line(error)}",
            kept=KEPT,
            hint="Wait a while; with HF_TOKEN more is allowed." if busy else "Try again later.",
        ) from None  # fmt: skip
    except (ConnectionError, httpx.HTTPError) as error:
        raise Stopped(
            f"{constants.ENDPOINT} cannot be reached: {_first_line(error)}", kept=KEPT,
            hint="Check the network and its proxies, or name a mirror with HF_ENDPOINT.",
        ) from None  # fmt: skip
    except OSError as error:
        raise Stopped(f"{repository} cannot be written: {error}.", kept=KEPT) from None


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


def _arrived(folder: Path, file: Wanted) -> int:
    part = folder / (file.path + _PART)
    return min(max(size_of(part), 0), file.size)
