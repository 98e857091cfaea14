"""What an encrypted home is sealed with. Nothing else here knows of cryptography, and a home that
is not encrypted never loads it.

A random master key seals a random key for each session, and a session's key its words and pictures:
AES-256-GCM with a fresh nonce each, bound to the session and to where the text stands or what the
file is called, so that nothing opens in another place. The master key itself is sealed with what
scrypt makes of a passphrase, or HKDF of a key file. Once a session's sealed key is gone, nothing of
it can be read any more.

What is only compared, names of files and keys of steps, is an HMAC: of a file under the key of its
session, so that equal pictures of two sessions do not show; of a step under one of the home's.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import secrets
import threading
import unicodedata
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from ..tools.errors import BadInput, Stopped

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from .records import Json

Kind = Literal["passphrase", "key file"]
PASSPHRASE, KEY_FILE = "DANQING_PASSPHRASE", "DANQING_KEY_FILE"
NEW_PASSPHRASE = "DANQING_NEW_PASSPHRASE"
SHORTEST = 8
"""Characters of a passphrase at least."""
KEY_BYTES = 32
"""Bytes of every key, and of a key file at least."""
COST = {"n": 2**17, "r": 8, "p": 1}
"""What scrypt takes for a new home: 128 MiB, some tenths of a second."""
OPENED = 10_000
"""So many sessions' keys are held open."""

_MAGIC = b"DQS1"
_ID = 8  # characters of a session's id
_NONCE = 12
_LARGEST_KEY_FILE = 1 << 20
_DEAREST = 1 << 24


@dataclass(frozen=True, repr=False)
class Secret:
    """What opens an encrypted home: a passphrase, or what is in a key file."""

    kind: Kind
    data: bytes

    @classmethod
    def passphrase(cls, text: str) -> Self:
        """A passphrase, however it is typed. Raises `BadInput` for a short one."""
        if len(text) < SHORTEST:
            raise BadInput(f"A passphrase has at least {SHORTEST} characters, better 20.")
        return cls("passphrase", unicodedata.normalize("NFC", text).encode("utf-8", "replace"))

    @classmethod
    def key_file(cls, path: Path) -> Self:
        """What is in a key file. Raises `BadInput` for one that cannot be read or is short."""
        try:
            with path.open("rb") as file:
                data = file.read(_LARGEST_KEY_FILE)
        except OSError as error:
            raise BadInput(f"The key file {path} cannot be read: {error.strerror}.") from None
        if len(data) < KEY_BYTES:
            raise BadInput(
                f"The key file {path} has {len(data)} bytes; it needs {KEY_BYTES} random ones."
            )
        return cls("key file", data)

    @classmethod
    def of_environment(cls, kind: Kind) -> Self | None:
        """The one of a kind that the environment names, if it does."""
        told = os.environ.get(PASSPHRASE if kind == "passphrase" else KEY_FILE)
        if not told:
            return None
        return (
            cls.passphrase(told) if kind == "passphrase" else cls.key_file(Path(told).expanduser())
        )


class Vault:
    """The open master key of a home. ``find`` gives the sealed key of a session, None where there
    is none. Threads may share it.

    What was changed, moved or cut short, be it by one bit, raises `Stopped` and is never given out.
    """

    def __init__(self, master: bytes, find: Callable[[str], str | None]) -> None:
        self._master = _cipher(_derived(master, "sessions"))
        self._index = _derived(master, "index")
        self._find = find
        self._open: OrderedDict[str, tuple[AESGCM, bytes]] = OrderedDict()
        self._lock = threading.Lock()

    @classmethod
    def unlock(cls, header: Json, given: Secret | None, find: Callable[[str], str | None]) -> Self:
        """The vault of a home from what `lock` made, with the secret that was given, else that of
        the environment. Raises `Stopped` without the right one."""
        return cls(_master(header, given), find)

    @classmethod
    def lock(cls, secret: Secret, find: Callable[[str], str | None]) -> tuple[Self, Json]:
        """A new vault, and the header that opens it with a secret."""
        master = secrets.token_bytes(KEY_BYTES)
        return cls(master, find), _header(master, secret)

    # A session's key.

    def new_key(self, session: str) -> str:
        """A key for a new session, sealed, as ``find`` has to give it."""
        key = secrets.token_bytes(KEY_BYTES)
        return base64.b64encode(_sealed(self._master, key, f"key {session}".encode())).decode()

    def close(self, session: str) -> None:
        """Hold a session's key no longer."""
        with self._lock:
            self._open.pop(session, None)

    def _keys(self, session: str) -> tuple[AESGCM, bytes]:
        with self._lock:
            if session in self._open:
                self._open.move_to_end(session)
                return self._open[session]
        sealed = self._find(session)
        try:
            if sealed is None:
                raise ValueError("there is none")
            key = _unsealed(self._master, _decoded(sealed), f"key {session}".encode())
        except ValueError:
            raise _changed(f"The key of session {session}") from None
        keys = _cipher(_derived(key, "seal")), _derived(key, "names")
        with self._lock:
            self._open[session] = keys
            while len(self._open) > OPENED:
                self._open.popitem(last=False)
        return keys

    # Words.

    def seal(self, session: str, place: str, text: str) -> str:
        """A text of a session, sealed for one place."""
        bound = f"{session} {place}".encode()
        return base64.b64encode(_sealed(self._keys(session)[0], text.encode(), bound)).decode()

    def open(self, session: str, place: str, text: str) -> str:
        """What `seal` sealed for the same place."""
        bound = f"{session} {place}".encode()
        try:
            return _unsealed(self._keys(session)[0], _decoded(text), bound).decode()
        except ValueError:
            raise _changed(f"What the ledger has at {place!r}") from None

    def blind(self, text: str) -> str:
        """An HMAC of a text, by which it is found and not read."""
        return hmac.new(self._index, text.encode(), hashlib.sha256).hexdigest()

    # Files.

    def name(self, session: str, digest: str) -> str:
        """What the file of a picture of a session is called."""
        return hmac.new(self._keys(session)[1], digest.encode(), hashlib.sha256).hexdigest()

    def seal_file(self, session: str, name: str, data: bytes) -> bytes:
        """A file of a session, which says whose it is."""
        head = _MAGIC + session.encode()
        return head + _sealed(self._keys(session)[0], data, head + name.encode())

    def open_file(self, name: str, data: bytes) -> bytes:
        """What `seal_file` sealed under the same name."""
        head = data[: len(_MAGIC) + _ID]
        try:
            session = session_of(data)
            rest = data[len(head) :]
            return _unsealed(self._keys(session)[0], rest, head + name.encode())
        except (ValueError, Stopped):
            raise _changed(f"The picture file {name}") from None


def relocked(header: Json, given: Secret | None, secret: Secret) -> Json:
    """The header that opens the same vault with another secret. Raises as `Vault.unlock`."""
    return _header(_master(header, given), secret)


def _header(master: bytes, secret: Secret) -> Json:
    """How a master key is had with a secret."""
    header: Json = {"version": 1, "kind": secret.kind, "salt": secrets.token_hex(16)}
    if secret.kind == "passphrase":
        header |= COST
    sealed = _sealed(_cipher(_stretched(secret, header)), master, b"master")
    return header | {"master": base64.b64encode(sealed).decode()}


def _master(header: Json, given: Secret | None) -> bytes:
    """The master key, with the secret that was given, else that of the environment."""
    kind: Kind = "key file" if header.get("kind") == "key file" else "passphrase"
    secret = given if given is not None and given.kind == kind else Secret.of_environment(kind)
    if secret is None:
        variable = PASSPHRASE if kind == "passphrase" else KEY_FILE
        raise Stopped(
            f"This home is encrypted, and its {kind} is not given.",
            kept="Nothing was changed.",
            hint=f"Give it by {variable}.",
        )
    try:
        sealed = _decoded(header["master"])
        master = _unsealed(_cipher(_stretched(secret, header)), sealed, b"master")
    except (ValueError, LookupError, TypeError, AttributeError):  # or the header was changed
        raise Stopped(
            f"The {kind} does not open this home.",
            kept="Nothing was changed.",
            hint="Give the one that it was encrypted with; there is no other way in.",
        ) from None
    return master


def session_of(data: bytes) -> str:
    """The session that a sealed file says it belongs to; `ValueError` where it is none."""
    session = data[len(_MAGIC) : len(_MAGIC) + _ID]
    if not data.startswith(_MAGIC) or len(session) < _ID:
        raise ValueError("this is no sealed file")
    return session.decode("ascii")


def _changed(what: str) -> Stopped:
    return Stopped(
        f"{what} was changed since it was sealed, or its key is gone: it cannot be opened.",
        kept="All else is whole.",
        hint="Restore the home from a backup.",
    )


def _cipher(key: bytes) -> AESGCM:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError as error:
        raise Stopped(
            f"An encrypted home needs {error.name}, which is not here.",
            hint="pip install 'danqing[encrypt]'",
        ) from None
    return AESGCM(key)


def _sealed(cipher: AESGCM, data: bytes, bound: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE)
    return nonce + cipher.encrypt(nonce, data, bound)


def _unsealed(cipher: AESGCM, data: bytes, bound: bytes) -> bytes:
    """Raises `ValueError` for all that was not sealed so."""
    from cryptography.exceptions import InvalidTag

    try:
        return cipher.decrypt(data[:_NONCE], data[_NONCE:], bound)
    except InvalidTag:
        raise ValueError("it was changed") from None


def _decoded(text: str) -> bytes:
    """Raises `ValueError` for what is not base64 to the letter."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except binascii.Error:
        raise ValueError("it is no base64") from None
    if base64.b64encode(data).decode() != text:
        raise ValueError("it is base64 of another hand")
    return data


def _derived(key: bytes, use: str) -> bytes:
    """The key for one use of a random one (a step of HKDF, RFC 5869)."""
    return hmac.new(key, f"danqing {use}\x01".encode(), hashlib.sha256).digest()


def _stretched(secret: Secret, header: Json) -> bytes:
    """The key that a secret makes."""
    salt = bytes.fromhex(header["salt"])
    if secret.kind == "key file":
        return _derived(hmac.new(salt, secret.data, hashlib.sha256).digest(), "key file")
    n, r, p = header["n"], header["r"], header["p"]
    if n * r * p > _DEAREST:
        raise ValueError("nobody made this header")
    return hashlib.scrypt(
        secret.data, salt=salt, n=n, r=r, p=p, maxmem=128 * n * r + (1 << 20), dklen=KEY_BYTES
    )


def header_at(ledger: Path) -> Json | None:
    """The header of the vault of a ledger, without opening either; None where it is not encrypted,
    or not there."""
    import sqlite3

    if not ledger.exists():
        return None
    try:
        connection = sqlite3.connect(f"{ledger.as_uri()}?mode=ro", uri=True, timeout=5.0)
        try:
            row = connection.execute("SELECT header FROM vault").fetchone()
        finally:
            connection.close()
    except sqlite3.Error:  # an old ledger has no such table; what else is wrong is told later
        return None
    return None if row is None else json.loads(row[0])
