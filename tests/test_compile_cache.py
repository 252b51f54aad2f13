"""Compiled programs are kept for the next process, where only this user can write; a damaged one is made again."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from jax._src import compilation_cache

import reseau as rs
from reseau import compile_cache
from reseau.compile_cache import SUFFIX, SWITCH, Chosen, Folder, Kept, private, usual

PROGRAM = """
import jax, numpy as np
events = []
jax.monitoring.register_event_listener(lambda event, **_: events.append(event))
import reseau as rs
x = rs.input("x", (3,))
net = rs.Network(x, rs.affine(x, 2))
print(np.asarray(net({"affine_1.weight": np.ones((3, 2), "float32"), "affine_1.bias": np.ones(2, "float32")},
    np.ones((2, 3)))).sum(), events.count("/jax/compilation_cache/cache_hits"))
jax.jit(lambda a: a * 3 + 1)(np.ones(3))
"""


def answer(**surroundings):
    """What a fresh process computes, and how many programs it found on the disk."""
    kept = {k: v for k, v in os.environ.items() if k not in (SWITCH, "XDG_CACHE_HOME", "HOME")}
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        env=kept | surroundings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not ran.stderr, ran.stderr
    return ran.stdout.split()


def test_the_next_process_finds_the_programs_and_a_damaged_one_is_mended(tmp_path):
    home = str(tmp_path)
    assert answer(HOME=home) == ["16.0", "0"]
    folder = tmp_path / ".cache" / "reseau" / "programs"
    assert folder.stat().st_mode & 0o777 == 0o700
    (entry,) = folder.iterdir()  # the program of this library, and not that of the caller
    whole = entry.read_bytes()
    assert answer(HOME=home) == ["16.0", "1"]
    damaged = whole[:500] + bytes([whole[500] ^ 1]) + whole[501:]
    entry.write_bytes(damaged)
    assert answer(HOME=home) == ["16.0", "0"]
    assert entry.read_bytes() != damaged


def test_where_nothing_can_be_written_nothing_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    assert answer(HOME=str(tmp_path / "file")) == ["16.0", "0"]
    folder = tmp_path / "of others"
    folder.mkdir(mode=0o755)
    assert private(folder) is None
    folder.chmod(0o700)
    assert private(folder) == folder
    (tmp_path / "link").symlink_to(folder)
    assert private(tmp_path / "link") is None
    assert private(tmp_path / "file" / "below") is None


def test_the_environment_chooses_the_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for said, path in (
        ("off", None),
        ("0", None),
        (str(tmp_path / "a"), tmp_path / "a"),
        ("", tmp_path / "reseau/programs"),
    ):
        monkeypatch.setenv(SWITCH, said)
        assert usual() == path
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    assert usual() is None


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-1], lambda b: b"", lambda b: b[:40] + b"x" + b[41:], lambda b: b + b"0"]
)
def test_an_entry_that_is_not_whole_is_dropped(tmp_path, damage):
    folder = Folder(tmp_path)
    folder.put("a", bytes(range(100)))
    assert folder.get("a") == bytes(range(100))
    folder.file("a").write_bytes(damage(folder.file("a").read_bytes()))
    assert folder.get("a") is None
    assert not list(tmp_path.iterdir())


def test_an_entry_serves_its_own_key_and_processor_alone(tmp_path, monkeypatch):
    folder = Folder(tmp_path)
    folder.put("a", b"program")
    folder.file("a").rename(folder.file("b"))
    assert folder.get("b") is None
    folder.put("a", b"program")
    monkeypatch.setattr(compile_cache, "machine", lambda: "another processor")
    assert folder.get("a") is None


def test_the_folder_keeps_what_was_used_last(tmp_path):
    folder = Folder(tmp_path, most=1000)
    for i, key in enumerate("abcdef"):
        folder.put(key, bytes(150))
        os.utime(folder.file(key), (i, i))
    assert folder.get("b") is not None  # used now
    folder.put("g", bytes(150))
    assert [key for key in "abcdefg" if folder.get(key)] == ["b", "d", "e", "f", "g"]
    folder.put("too large", bytes(900))
    assert folder.get("too large") is None
    assert sum(f.stat().st_size for f in tmp_path.iterdir()) <= 1000


@pytest.fixture
def unset(monkeypatch):
    """JAX as a user's program finds it: the tests keep what they compile."""
    name = "jax_persistent_cache_min_compile_time_secs"
    before = jax.config.values[name]
    monkeypatch.setattr(compilation_cache, "_cache", None)
    monkeypatch.setattr(compile_cache, "CHOSEN", Chosen())
    jax.config.update(name, 1.0)
    yield
    jax.config.update(name, before)


@pytest.mark.usefixtures("unset")
def test_the_setting_is_left_as_it_was_and_that_of_the_user_is_respected(tmp_path, monkeypatch):
    chosen = compile_cache.CHOSEN
    chosen.use(tmp_path / "ours")
    before = jax.config.jax_persistent_cache_min_compile_time_secs
    Kept(lambda x: x * 7.0 - 1)(np.ones(2))
    files = list((tmp_path / "ours").glob("*" + SUFFIX))
    assert files
    jax.jit(lambda x: x * 8.0 - 1)(np.ones(2))
    assert compilation_cache._cache is None
    assert jax.config.jax_compilation_cache_dir is None
    assert jax.config.jax_persistent_cache_min_compile_time_secs == before
    monkeypatch.setattr(compilation_cache, "_cache", object())  # one that the program has set
    with compile_cache.kept():
        assert compilation_cache._cache is not chosen
    assert list((tmp_path / "ours").glob("*" + SUFFIX)) == files


@pytest.mark.usefixtures("unset")
def test_an_application_keeps_all_programs_until_it_is_switched_off(tmp_path):
    rs.use_compile_cache(tmp_path / "all")
    jax.jit(lambda x: x * 5.0 - 2)(np.ones(2))
    assert len(list((tmp_path / "all").iterdir())) == 1
    rs.use_compile_cache(None)
    jax.jit(lambda x: x * 6.0 - 2)(np.ones(2))
    assert len(list((tmp_path / "all").iterdir())) == 1
    assert compilation_cache._cache is None
