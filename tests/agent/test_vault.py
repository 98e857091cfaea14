"""An encrypted home tells nothing to who has its files alone, and notices every change."""

from __future__ import annotations

import dataclasses
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest
from homes import WORDS, call, holding, in_memory, noise, pixels, talk
from hypothesis import settings
from killed import killed_everywhere
from scripted_engine import SCENE, ScriptedEngine
from test_ledger import Life

from danqing.agent import converting, provenance, vault
from danqing.agent.home import Home
from danqing.agent.ledger import Ledger
from danqing.agent.lineage import Lineage
from danqing.agent.recipe_export import export
from danqing.agent.records import SEALED, TurnRecord
from danqing.agent.studio import Options, Studio
from danqing.agent.vault import Secret
from danqing.tools import TOOLS
from danqing.tools.errors import BadInput, Stopped
from danqing.tools.registry import by_name

KEY = Secret("key file", b"k" * 32)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_bytes(KEY.data)
    return path


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.open(tmp_path / "home")


@pytest.fixture
def sealed(home: Home) -> Home:
    """An encrypted home: two sessions that share a tree, one of which has a secret."""
    with Ledger(home) as ledger:
        talk(ledger, WORDS, WORDS, "a tree")
        talk(ledger, "other words", "a tree")
    converting.encrypt(home, KEY)
    return dataclasses.replace(home, secret=KEY)


def told(ledger: Ledger) -> list[TurnRecord]:
    """All turns, without what is called otherwise once the home is encrypted."""

    def plain(record: TurnRecord) -> TurnRecord:
        pictures = {
            p.handle: dataclasses.replace(p, digest="") for s in record.steps for p in s.pictures
        }
        steps = tuple(
            dataclasses.replace(s, key="", pictures=tuple(pictures[p.handle] for p in s.pictures))
            for s in record.steps
        )
        return dataclasses.replace(record, steps=steps, pictures=tuple(pictures.values()))

    return [plain(record) for record in ledger.turns(99)]


def test_no_file_holds_a_word_or_a_pixel_once_it_is_encrypted(home: Home) -> None:
    home.typed.write_text(f"\n# now\n+{WORDS}\n")
    (home.blobs / ".tmp-0123").write_text(WORDS)
    with Ledger(home) as ledger:
        talk(ledger, WORDS, WORDS, "a tree")
        secret = pixels(ledger, "img-1")
        names = [ledger.picture(handle).digest for handle in ("img-1", "img-2")]
        key = ledger.step_of("img-1").key
        before = told(ledger)
    assert len(holding(home, WORDS, secret)) > 4
    converting.encrypt(home, KEY)
    assert holding(home, WORDS, WORDS[:9], secret, secret[:9], *names, key) == {}
    with Ledger(dataclasses.replace(home, secret=KEY)) as ledger:
        assert told(ledger) == before
        assert ledger.store.get(ledger.picture("img-1").digest) == noise(WORDS)
        assert ledger.reply(1, "key") == {"said": WORDS}
        assert ledger.replies(1) == [{"said": WORDS}]
        assert ledger.told(1) == [{"event": "phase", "data": {"note": WORDS}}]
        assert [turn.request for turn in ledger.beginnings(None, 9)] == [WORDS]
        assert ledger.check() == []
        session = talk(ledger, WORDS, "a tree", WORDS + " at night")
        assert [step.outcome for step in ledger.turns(1, session)[0].steps] == [
            "failed", "reused", "done",
        ]  # fmt: skip
        assert holding(home, WORDS, pixels(ledger, "img-3")) == {"img-3.png": [WORDS]} | {
            ledger.picture("img-3").digest + ".sealed": [pixels(ledger, "img-3")],
            "img-2.png": [WORDS],
        }


def test_it_becomes_what_it_was_again(home: Home) -> None:
    with Ledger(home) as ledger:
        talk(ledger, WORDS, WORDS, "a tree")
        before, digest = told(ledger), ledger.picture("img-1").digest
    converting.encrypt(home, KEY)
    converting.decrypt(dataclasses.replace(home, secret=KEY))
    with Ledger(home) as ledger:
        assert told(ledger) == before
        assert ledger.picture("img-1").digest == digest
        assert {file.suffix for file in home.blobs.iterdir()} == {".png"}
        assert ledger.check() == []
        assert not ledger.sealed
    with pytest.raises(BadInput, match="is not encrypted"):
        converting.decrypt(home)


def test_only_its_secret_opens_it(
    sealed: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home.open(sealed.root)
    with pytest.raises(Stopped, match="its key file is not given") as refused:
        Ledger(home)
    assert "DANQING_KEY_FILE" in refused.value.hint
    monkeypatch.setenv(vault.PASSPHRASE, "correct horse")
    with pytest.raises(Stopped, match="its key file is not given"):
        Ledger(home)
    wrong = tmp_path / "wrong"
    wrong.write_bytes(b"w" * 32)
    monkeypatch.setenv(vault.KEY_FILE, str(wrong))
    with pytest.raises(Stopped, match="The key file does not open this home"):
        Ledger(home)
    wrong.write_bytes(b"short")
    with pytest.raises(BadInput, match="has 5 bytes; it needs 32"):
        Ledger(home)
    monkeypatch.setenv(vault.KEY_FILE, str(tmp_path / "none"))
    with pytest.raises(BadInput, match="cannot be read: No such file"):
        Ledger(home)
    wrong.write_bytes(KEY.data)
    monkeypatch.setenv(vault.KEY_FILE, str(wrong))
    with Ledger(home) as ledger:
        assert ledger.turns(1)[0].request == "other words"
    with pytest.raises(BadInput, match="is encrypted already"):
        converting.encrypt(sealed, KEY)
    assert not sealed.converting.exists()


def test_a_passphrase_opens_it_however_it_is_composed(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Ledger(home) as ledger:
        talk(ledger, WORDS, "a tree")
    with pytest.raises(BadInput, match="at least 8"):
        Secret.passphrase("short")
    converting.encrypt(home, Secret.passphrase("caf\N{LATIN SMALL LETTER E WITH ACUTE} 丹青丹青"))
    monkeypatch.setenv(vault.PASSPHRASE, "cafe\N{COMBINING ACUTE ACCENT} 丹青丹青")
    with Ledger(home) as ledger:
        assert ledger.turns(1)[0].request == WORDS
    monkeypatch.setenv(vault.PASSPHRASE, "cafe 丹青丹青")
    with pytest.raises(Stopped, match="The passphrase does not open this home"):
        Ledger(home)
    assert "丹青".encode() not in home.ledger.read_bytes()


def test_a_home_that_is_not_encrypted_loads_no_cryptography(home: Home) -> None:
    program = (
        "import sys\n"
        "from danqing.agent.home import Home\n"
        "from danqing.agent.ledger import Ledger\n"
        "with Ledger(Home.open(sys.argv[1])) as ledger:\n"
        "    ledger.delete_session(ledger.new_session())\n"
        "print([name for name in sys.modules if name.split('.')[0] == 'cryptography'])\n"
    )
    path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    told = subprocess.run([sys.executable, "-c", program, str(home.root)], capture_output=True,
                          text=True, check=True, env=os.environ | {"PYTHONPATH": path})  # fmt: skip
    assert told.stdout == "[]\n"


# Tampering.


def readers(ledger: Ledger) -> dict[str, Callable[[], object]]:
    """What reads each sealed column of the first turn, and of the rows that belong to it."""
    return {
        "turns": lambda: ledger.turn(1),
        "steps": lambda: ledger.turn(1),
        "replies": lambda: ledger.replies(1),
        "verdicts": lambda: ledger.verdicts(1),
        "told": lambda: ledger.told(1),
    }


def test_a_change_of_any_byte_of_a_row_is_noticed(sealed: Home) -> None:
    chance = random.Random(11)
    seen = set()
    with Ledger(sealed) as ledger, sqlite3.connect(sealed.ledger) as thief:
        for _ in range(120):
            table = chance.choice(list(SEALED))
            column = chance.choice(SEALED[table])
            turn = "id" if table == "turns" else "turn"
            rows = thief.execute(
                f"SELECT rowid, {column} FROM {table} WHERE {turn} = 1 AND {column} IS NOT NULL"
            ).fetchall()
            row, text = chance.choice(rows)
            at = chance.randrange(len(text))
            other = chance.choice([c for c in "AZaz09+/=\x7f" if c != text[at]])
            changed = chance.choice([text[:at] + other + text[at + 1 :], text[:at], text + text])
            put = f"UPDATE {table} SET {column} = ? WHERE rowid = ?"
            thief.execute(put, (changed, row))
            thief.commit()
            with pytest.raises(Stopped, match=f"'{table}.{column} .*' was changed"):
                readers(ledger)[table]()
            thief.execute(put, (text, row))
            thief.commit()
            readers(ledger)[table]()
            seen.add((table, column))
    thief.close()
    assert len(seen) == sum(map(len, SEALED.values()))


@pytest.mark.parametrize(
    "moved",
    [
        "UPDATE turns SET plan = request",
        "UPDATE turns SET brief = (SELECT brief FROM turns AS o WHERE o.id != turns.id)",
        "UPDATE turns SET session = (SELECT id FROM sessions WHERE id != turns.session)",
        "UPDATE session_keys SET key = (SELECT key FROM session_keys AS o"
        " WHERE o.session != session_keys.session)",
        "DELETE FROM session_keys",
    ],
)
def test_a_text_that_was_moved_is_noticed(sealed: Home, moved: str) -> None:
    with Ledger(sealed) as ledger:
        assert ledger.check() == []
    with sqlite3.connect(sealed.ledger) as thief:
        thief.execute(moved)
    thief.close()
    with Ledger(sealed) as ledger:
        with pytest.raises(Stopped, match="was changed since it was sealed, or its key is"):
            ledger.turns(9)
        assert "was changed" in ledger.check()[0]


def test_a_key_opens_for_its_own_session_only_and_a_text_is_spelled_one_way() -> None:
    keys: dict[str, str] = {}
    safe, _ = vault.Vault.lock(KEY, keys.get)
    keys |= {"aaaaaaaa": safe.new_key("aaaaaaaa"), "bbbbbbbb": safe.new_key("aaaaaaaa")}
    text = safe.seal("aaaaaaaa", "here", "")
    assert safe.open("aaaaaaaa", "here", text) == "" and text.endswith("==")
    with pytest.raises(Stopped, match="was changed"):
        safe.seal("bbbbbbbb", "here", "words")
    same_bytes = text[:-3] + chr(ord(text[-3]) + 1) + "=="
    with pytest.raises(Stopped, match="was changed"):
        safe.open("aaaaaaaa", "here", same_bytes)
    assert safe.seal("aaaaaaaa", "here", "") != text


def test_a_change_of_any_byte_of_a_picture_s_file_is_noticed(sealed: Home) -> None:
    chance = random.Random(12)
    with Ledger(sealed) as ledger:
        digest, other = (ledger.picture(handle).digest for handle in ("img-1", "img-2"))
        file = ledger.store.path(digest)
        whole = file.read_bytes()
        spots = [*range(24), *(chance.randrange(len(whole)) for _ in range(60)), len(whole) - 1]
        for at in spots:
            file.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << chance.randrange(8)])
                             + whole[at + 1 :])  # fmt: skip
            with pytest.raises(Stopped, match="is damaged"):
                ledger.store.get(digest)
        for cut in (b"", whole[:20], whole[:-1], whole + b"\0", noise("x").tobytes()):
            file.write_bytes(cut)
            with pytest.raises(Stopped, match="is damaged"):
                ledger.store.read(digest)
        shutil.copy(ledger.store.path(other), file)
        with pytest.raises(Stopped, match="is damaged"):
            ledger.store.read(digest)
        assert any("is damaged" in wrong for wrong in ledger.check())
        file.write_bytes(whole)
        assert ledger.check() == []


@pytest.mark.parametrize(
    ("spoil", "how"),
    [
        ('UPDATE vault SET header = replace(header, \'"salt":"\', \'"salt":"00\')', "a salt"),
        ("UPDATE vault SET header = '{}'", "nothing"),
        ('UPDATE vault SET header = replace(header, \'"master":"\', \'"master":"A\')', "a key"),
    ],
)
def test_a_header_that_was_changed_opens_nothing(sealed: Home, spoil: str, how: str) -> None:
    with sqlite3.connect(sealed.ledger) as thief:
        thief.execute(spoil)
    thief.close()
    with pytest.raises(Stopped, match=r"does not open this home|is not given"):
        Ledger(sealed)


# Sessions among each other.


def upload(seed: str) -> bytes:
    coded = BytesIO()
    noise(seed).save(coded, "PNG")
    return coded.getvalue()


def test_equal_pictures_of_two_sessions_do_not_show(sealed: Home) -> None:
    with Ledger(sealed) as ledger:
        names = []
        for session in (ledger.new_session(), ledger.new_session()):
            turn = ledger.begin_turn(session, "photo", {})
            first, again = (ledger.take_in(turn, upload("photo")) for _ in range(2))
            assert first == again
            names.append(first.digest)
            ledger.end_turn(turn, {"picture": first.handle})
        assert len(set(names)) == 2
        one, other = (ledger.store.path(name).read_bytes() for name in names)
        assert one[12:] != other[12:]
        assert ledger.store.get(names[0]) == ledger.store.get(names[1]) == noise("photo")
        assert names[0] != Ledger(sealed).store.put(noise("photo"), ledger.sessions(9)[2])


def test_a_shared_picture_survives_the_shredding_of_each_but_the_last(sealed: Home) -> None:
    with Ledger(sealed) as ledger:
        third = talk(ledger, "third", "a tree")
        second, first = ledger.sessions(9)[1:]
        assert ledger.owners("img-2") == {first, second, third}
        secret = ledger.store.path(ledger.picture("img-1").digest)
        tree = ledger.store.path(ledger.picture("img-2").digest)
        stolen = {file.stem: file.read_bytes() for file in (secret, tree)}
        keys = dict(ledger._db.all("SELECT session, key FROM session_keys"))
        ledger.delete_session(first)
        assert not secret.exists()
        assert holding(sealed, keys[first]) == {}
        for name, data in stolen.items():
            assert ledger._vault is not None
            with pytest.raises(Stopped, match="its key is gone"):
                ledger._vault.open_file(name, data)
    with Ledger(sealed) as ledger:
        assert ledger.store.get(ledger.picture("img-2").digest) == noise("a tree")
        assert ledger.step_of("img-2").args["prompt"] == "a tree"
        assert ledger.turns(1, third)[0].steps[-1].source == ledger.step_of("img-2").id
        assert ledger.find_step(ledger.step_of("img-2").key) == ledger.step_of("img-2")
        assert ledger.check() == []
        ledger.delete_session(second)
        assert ledger.store.get(ledger.picture("img-2").digest) == noise("a tree")
        assert ledger.check() == []
        ledger.delete_session(third)
        assert list(sealed.blobs.iterdir()) == []
        assert ledger._db.all("SELECT * FROM session_keys") == []


class SealedLife(Life):
    """The life of `test_ledger` in an encrypted home."""

    def home_at(self, place: Path) -> Home:
        home = Home.open(place)
        converting.encrypt(home, KEY)
        return dataclasses.replace(home, secret=KEY)


TestSealedLife = SealedLife.TestCase
TestSealedLife.settings = settings(max_examples=10, stateful_step_count=20)


# Whoever else is there, and whatever happens.


def test_it_is_not_converted_while_it_is_open(home: Home, sealed: Home) -> None:
    with Ledger(sealed), pytest.raises(Stopped, match="Another program has"):
        converting.decrypt(sealed)
    with converting._opened(sealed):
        for _ in range(2):
            with pytest.raises(Stopped, match="is being encrypted"):
                Ledger(sealed)
            sealed.converting.touch()
    with Ledger(sealed) as ledger:
        assert ledger.sealed


def test_a_damaged_picture_keeps_it_from_being_encrypted(home: Home) -> None:
    with Ledger(home) as ledger:
        talk(ledger, WORDS, WORDS)
        file = ledger.store.path(ledger.picture("img-1").digest)
    file.write_bytes(file.read_bytes()[:-30])
    with pytest.raises(Stopped, match="is damaged"):
        converting.encrypt(home, KEY)
    assert not home.converting.exists() and list(home.blobs.iterdir()) == [file]
    with Ledger(home) as ledger:
        assert ledger.turns(1)[0].request == WORDS


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    with in_memory(tmp_path) as folder:
        yield folder


@pytest.mark.parametrize("deed", ["encrypt", "decrypt"])
def test_killed_anywhere_it_is_the_one_or_the_other(
    memory: Path, key_file: Path, deed: str
) -> None:
    home = Home.open(memory / "home")
    with Ledger(home) as ledger:
        talk(ledger, WORDS, WORDS)
        secret, before = pixels(ledger, "img-1"), told(ledger)
    if deed == "decrypt":
        converting.encrypt(home, KEY)
    counts = {True: 0, False: 0}
    for killed in killed_everywhere(deed, str(key_file), home.root, memory):
        home = Home.open(killed)
        with Ledger(dataclasses.replace(home, secret=KEY)) as ledger:
            assert told(ledger) == before
            assert ledger.check() == []
            assert not home.converting.exists()
            assert {file.suffix for file in home.blobs.iterdir()} == (
                {".sealed"} if ledger.sealed else {".png"}
            )
            assert (holding(home, WORDS, secret) == {}) == ledger.sealed
            counts[ledger.sealed] += 1
    assert min(counts.values()) > 5


def test_shredding_is_finished_by_the_next_start_wherever_it_was_killed(
    memory: Path, key_file: Path
) -> None:
    home = Home.open(memory / "home")
    with Ledger(home) as ledger:
        session = talk(ledger, WORDS, WORDS, "a tree")
        talk(ledger, "other words", "a tree")
    converting.encrypt(home, KEY)
    key = sqlite3.connect(home.ledger).execute(
        "SELECT key FROM session_keys WHERE session = ?", (session,)
    ).fetchone()[0]  # fmt: skip
    states = []
    for killed in killed_everywhere("shred", f"{session}:{key_file}", home.root, memory):
        home = Home.open(killed)
        with Ledger(dataclasses.replace(home, secret=KEY)) as ledger:
            assert ledger.check() == []
            assert ledger.store.get(ledger.picture("img-2").digest) == noise("a tree")
            states.append(ledger.has_session(session))
            if not states[-1]:
                assert holding(home, key) == {}
                assert len(list(home.blobs.iterdir())) == 1
    assert states.count(True) > 5 and states.count(False) > 10


@pytest.mark.parametrize("encrypted", [False, True])
def test_whatever_is_shared_and_deleted_the_others_stay_whole(
    memory: Path, encrypted: bool
) -> None:
    chance = random.Random(5)
    home = Home.open(memory / "home")
    if encrypted:
        converting.encrypt(home, KEY)
        home = dataclasses.replace(home, secret=KEY)
    tools = by_name(TOOLS)
    with Ledger(home) as ledger:
        alive: dict[str, dict[str, bytes]] = {}
        gone = passed = 0
        for _ in range(70):
            if len(alive) < 4 or (chance.random() < 0.8 and len(alive) < 9):
                session = chance.choice([*alive, "new", "new"])
                session = ledger.new_session() if session == "new" else session
                turn = ledger.begin_turn(session, f"said in {session}", {"models": "sketchbook"})
                known = [handle for seen in alive.values() for handle in seen]
                near = known if chance.random() < 0.3 else [*alive.get(session, ())]
                inputs = chance.sample(near, min(len(near), chance.randint(0, 2)))
                step = call(ledger, turn, chance.choice("abc"), *inputs)
                handle = step.pictures[0].handle
                ledger.record_verdict(turn, handle, {"findings": {}})
                ledger.end_turn(turn, {"picture": handle, "reply": ""})
                alive.setdefault(session, {})[handle] = ledger.store.get(
                    step.pictures[0].digest
                ).tobytes()
                continue
            session = chance.choice([*alive])
            del alive[session]
            forgotten = ledger.delete_session(session)
            gone, passed = gone + len(forgotten.gone), passed + len(forgotten.passed)
            assert holding(home, f"said in {session}") == {}
            assert ledger.check() == []
            assert set(ledger.sessions(99)) == alive.keys()
            for other, pictures in alive.items():
                assert set(Lineage(ledger, other).nodes) == pictures.keys()
                assert export(ledger, tools, other)
                for handle, pixels in pictures.items():
                    assert ledger.store.get(ledger.picture(handle).digest).tobytes() == pixels
                    account = provenance.account(ledger, handle, {}, {})
                    assert account["steps"][-1]["outputs"] == [handle]
                    assert session not in account["request"]
                    assert other in ledger.owners(handle)
            held = {ledger.picture(handle).digest for seen in alive.values() for handle in seen}
            assert {file.stem for file in home.blobs.iterdir()} == held
        assert gone > 5 and passed > 0, (gone, passed)


def test_a_picture_of_an_encrypted_home_is_replayed(home: Home, tmp_path: Path) -> None:
    converting.encrypt(home, KEY)
    with Studio(dataclasses.replace(home, secret=KEY)) as studio:
        studio.engine = ScriptedEngine(tmp_path / "models", lambda seed: SCENE + " a red house.")
        turn = studio.ask("a red house", Options(seed=1, size=(64, 64)))
        assert turn.picture is not None
        handle = turn.picture.handle
        assert studio.replay(handle)[handle]
        file = studio.ledger.store.path(studio.ledger.picture(handle).digest)
        studio.ledger.store.remove(studio.ledger.picture(handle).digest)
        other = studio.ledger.store.put(noise("other"), turn.session)
        with studio.ledger._db.writing():
            studio.ledger._db.execute("UPDATE pictures SET digest = ?", other)
        assert not studio.replay(handle)[handle] and not file.exists()
