"""The lock files say what the requirements files ask for. Without a network: `make lock` leaves a sum to compare."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)
LOCKS = {
    "deploy/requirements.lock": ("requirements.txt",),
    "deploy/requirements-test.lock": ("requirements.txt", "tests/requirements.txt"),
}


@pytest.mark.parametrize(("lock", "requirements"), LOCKS.items(), ids=LOCKS)
def test_a_requirements_file_that_was_edited_is_locked_again(lock: str, requirements: tuple[str, ...]) -> None:
    for name in requirements:
        line = f"# sha256 {hashlib.sha256(text(name).encode()).hexdigest()}  {name}"
        assert line in text(lock).splitlines(), f"{name} has changed since {lock} was written: run `make lock`"


@pytest.mark.parametrize(("lock", "requirements"), LOCKS.items(), ids=LOCKS)
def test_the_lock_holds_every_version_that_was_asked_for(lock: str, requirements: tuple[str, ...]) -> None:
    locked = pins(lock)
    for name in requirements:
        asked = pins(name)
        assert asked, f"{name} pins nothing"
        for package, version in asked.items():
            assert locked.get(package) == version, f"{name} asks for {package}=={version}: run `make lock`"


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_carries_hashes(lock: str) -> None:
    blocks = re.split(r"\n(?=[a-z0-9])", text(lock))[1:]
    assert blocks
    assert not [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block]


def test_the_tests_run_on_the_versions_the_program_runs_on() -> None:
    assert pins("deploy/requirements.lock").items() <= pins("deploy/requirements-test.lock").items()


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_index_and_no_path_of_one_machine(lock: str) -> None:
    assert not re.findall(r"https?://\S+|file:\S+|--(?:extra-)?index-url.*|--find-links.*| /\S+", text(lock))


@pytest.mark.parametrize("name", ["requirements.txt", "deploy/requirements-extra.txt", "tests/requirements.txt"])
def test_every_direct_requirement_is_pinned_and_says_why_it_is_here(name: str) -> None:
    for line in text(name).splitlines():
        if line and not line.startswith(("#", "-r ")):
            assert PIN.match(line), f"not pinned: {line}"
            assert "#" in line, f"no reason beside: {line}"


def test_the_tests_run_on_the_versions_that_optional_features_ask_for() -> None:
    assert pins("deploy/requirements-extra.txt").items() <= pins("tests/requirements.txt").items()


def pins(name: str) -> dict[str, str]:
    return {package.lower().replace("_", "-"): version for package, version in PIN.findall(text(name))}


def text(name: str) -> str:
    return (ROOT / name).read_text()
