"""The house keeps its rules: what is packed, who imports whom, what is never called."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
LINKED = ("agent", "prompts", "tools")
WEIGHTS = ROOT / "tools" / "weights"
HEAVY = {
    "accelerate", "controlnet_aux", "cv2", "diffusers", "discord", "fastapi", "langchain",
    "langchain_core", "langgraph", "langsmith", "mcp", "skimage", "starlette", "telegram", "torch",
    "torchvision", "transformers", "uvicorn",
}  # fmt: skip


@cache
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def profiles() -> dict[str, dict[str, Any]]:
    return tomllib.loads((ROOT / "tools" / "catalogue.toml").read_text("utf-8"))


def packages() -> dict[str, Path]:
    """Every package that is installed and the folder it is made from."""
    layout = project()["tool"]["setuptools"]
    folders = {}
    for name in layout["packages"]:
        first, *rest = name.split(".")
        top = ".".join([first, *rest[:1]])
        below = rest[1:] if top in layout["package-dir"] else rest
        folders[name] = ROOT.joinpath(layout["package-dir"].get(top, first), *below)
    return folders


def sources() -> dict[str, Path]:
    """Every module that is installed, by its full name."""
    return {
        package if path.stem == "__init__" else f"{package}.{path.stem}": path
        for package, folder in packages().items()
        for path in folder.glob("*.py")
    }


def code(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def imported(name: str, path: Path) -> Iterator[str]:
    """The full names of what a module imports anywhere in its code."""
    package = name.split(".") if path.stem == "__init__" else name.split(".")[:-1]
    for node in ast.walk(code(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def belongs(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


# -- what is packed


def test_the_packages_listed_are_the_folders_there_are() -> None:
    found = {}
    for top in ("danqing", *(f"danqing.{name}" for name in LINKED)):
        folder = ROOT / top.rpartition(".")[2]
        for init in folder.glob("**/__init__.py"):
            if not any(part.is_symlink() for part in init.parents):
                found[".".join([top, *init.parent.relative_to(folder).parts])] = init.parent
    assert packages() == found


def test_the_links_for_editors_are_relative_and_whole() -> None:
    for name in LINKED:
        link = ROOT / "danqing" / name
        assert link.is_symlink()
        assert os.readlink(link) == f"../{name}"
        assert (link / "__init__.py").is_file()


def test_every_file_of_a_package_is_packed() -> None:
    folders = packages()
    patterns = project()["tool"]["setuptools"]["package-data"]
    packed = {
        path
        for package, globs in patterns.items()
        for pattern in globs
        for path in folders[package].glob(pattern)
    }
    for folder in folders.values():
        for path in folder.rglob("*"):
            if path.is_symlink() or any(part.is_symlink() for part in path.parents):
                continue
            if path.is_file() and path.suffix != ".py" and "__pycache__" not in path.parts:
                assert path in packed, f"{path.relative_to(ROOT)} is not in package-data"
    assert folders["danqing"] / "py.typed" in packed


def test_every_library_that_is_imported_is_a_declared_dependency() -> None:
    needed = project()["project"]
    extras = needed["optional-dependencies"]
    lines = [*needed["dependencies"]]
    for extra in ("discord", "encrypt", "mcp", "rembg", "serve", "telegram", "upscale"):
        lines += extras[extra]
    declared = {re.split(r"[^\w.-]", line)[0].lower().replace("_", "-") for line in lines}
    distributions = metadata.packages_distributions()
    for name, path in sources().items():
        for target in imported(name, path):
            top = target.split(".")[0]
            if top in sys.stdlib_module_names or top == "danqing":
                continue
            owners = {owner.lower().replace("_", "-") for owner in distributions.get(top, [top])}
            assert owners & declared, f"{name} imports {top}, which no dependency brings"


# -- who imports whom


@pytest.mark.parametrize(
    ("package", "allowed"),
    [
        ("danqing.prompts", ("danqing.prompts",)),
        ("danqing.tools", ("danqing.tools", "danqing.prompts")),
        ("danqing.agent", ("danqing.agent", "danqing.tools", "danqing.prompts")),
    ],
)
def test_imports_run_one_way(package: str, allowed: tuple[str, ...]) -> None:
    for name, path in sources().items():
        if not belongs(name, package):
            continue
        for target in imported(name, path):
            if belongs(target, "danqing"):
                assert any(belongs(target, a) for a in allowed), f"{name} imports {target}"
            assert target.split(".")[0] not in {*LINKED, "training", "benchmarks", "tests"}, name


def test_tools_and_prompts_know_no_agent_framework() -> None:
    for name, path in sources().items():
        if belongs(name, "danqing.tools") or belongs(name, "danqing.prompts"):
            for target in imported(name, path):
                assert not re.match("lang(chain|graph|smith)", target), f"{name} imports {target}"


def modules_loaded(*arguments: str) -> set[str]:
    """The top names of all that a new Python imports when it is run with these arguments."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments],
        cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    names = re.findall(r"^import time:[^|]+\|[^|]+\|\s*([\w.]+)$", done.stderr, re.MULTILINE)
    return {name.split(".")[0] for name in names}


@pytest.mark.parametrize(
    "arguments",
    [
        ("-c", "import danqing.cli"),
        ("-m", "danqing", "--help"),
        ("-m", "danqing", "draw", "--help"),
        ("-m", "danqing", "mcp", "--help"),
        ("-m", "danqing", "serve", "--help"),
        ("-m", "danqing", "bot", "--help"),
        ("-m", "danqing", "--version"),
        ("-c", "import danqing; danqing.understand('two red houses, 秋天')"),
    ],
    ids=[
        "import",
        "help",
        "draw help",
        "mcp help",
        "serve help",
        "bot help",
        "version",
        "understand",
    ],
)
def test_nothing_heavy_is_imported_on_the_way_to(arguments: tuple[str, ...]) -> None:
    loaded = modules_loaded(*arguments)
    assert "danqing" in loaded
    assert not loaded & HEAVY


# -- what is never called


def test_no_code_is_made_from_data() -> None:
    for name, path in sources().items():
        for node in ast.walk(code(path)):
            where = f"{name}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in {"eval", "exec", "compile", "__import__"}, where
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                called = f"{node.value.id}.{node.attr}"
                assert called not in {"os.system", "os.popen", "torch.load"}, where
            if isinstance(node, ast.keyword) and node.arg is not None:
                off = isinstance(node.value, ast.Constant) and node.value.value is False
                risky = {"shell", "trust_remote_code", "allow_pickle"}
                assert off or node.arg not in risky, where
        unsafe = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}
        for target in imported(name, path):
            assert target.split(".")[0] not in unsafe, f"{name} imports {target}"


# -- what is written


def texts() -> Iterator[Path]:
    """The texts of the repository: its own files, not what tools leave beside them."""
    yield from (path for path in ROOT.iterdir() if path.suffix in {".md", ".toml"})
    folders = (*LINKED, ".ci", "benchmarks", "danqing", "examples", "tests", "training")
    for folder in folders:
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and path.suffix in {
                "",
                ".json",
                ".jsonl",
                ".md",
                ".py",
                ".toml",
                ".txt",
            }:
                inner = path.relative_to(ROOT / folder).parts
                if not any(part == "__pycache__" or part.startswith(".") for part in inner):
                    yield path


def test_no_file_names_a_place_on_the_machine_of_its_author() -> None:
    place = re.compile(r"(?<![\w.~$}])(/(home|root|Users|work|workspace)/\w|[A-Z]:\\\\?Users)")
    seen = 0
    for path in texts():
        seen += 1
        found = place.search(path.read_text("utf-8"))
        assert found is None, f"{path.relative_to(ROOT)}: {found.group()}"
    assert seen > 100


def test_the_readme_holds_the_two_commands() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    for marker in ("main", "test"):
        assert re.search(rf"^<!-- {marker} -->\n```sh\n(.+)\n```$", readme, re.MULTILINE), marker


# -- the weights


def test_every_model_has_a_card_that_says_how_it_was_made() -> None:
    roles = [part for part in profiles()["sketchbook"].values() if isinstance(part, dict)]
    folders = {ROOT / "tools" / role["source"] for role in roles}
    assert folders == set(WEIGHTS.glob("*/*"))
    for folder in folders:
        card = (folder / "README.md").read_text("utf-8")
        assert "python -m training." in card, folder.name
        assert list(folder.rglob("*.safetensors")), folder.name


def test_weights_are_small_and_hold_no_code() -> None:
    files = [path for path in WEIGHTS.rglob("*") if path.is_file()]
    mebibyte = 1 << 20
    assert sum(path.stat().st_size for path in files) <= 52 * mebibyte
    for path in files:
        assert path.stat().st_size <= 15 * mebibyte, path.name
        assert path.suffix in {".safetensors", ".json", ".md", ".txt", ".jpg"}, path.name
