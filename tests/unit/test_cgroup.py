"""Where the hub may make cgroups, read from what the kernel says; real files stand for it."""

import os
from pathlib import Path

import pytest

from hub.host.cgroup import find


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Make what looks like a cgroup file system, the service's group in it."""
    for folder in (tmp_path, tmp_path / "hub.service"):
        folder.mkdir(exist_ok=True)
        (folder / "cgroup.procs").touch()
        (folder / "cgroup.controllers").write_text("cpu memory pids\n")
        (folder / "cgroup.subtree_control").touch()
    return tmp_path


def mountinfo(place: Path, root: str = "/") -> str:
    return (
        "21 1 8:1 / / rw - ext4 /dev/vda rw\n"
        "30 21 0:26 / /sys/fs/cgroup/pids rw shared:9 - cgroup cgroup rw,pids\n"
        f"31 21 0:27 {root} {place} rw,nosuid shared:10 - cgroup2 cgroup2 rw\n"
    )


def test_the_root_of_a_container_is_the_hubs_own(place: Path) -> None:
    found = find("8:pids:/x\n0::/\n", mountinfo(place))
    assert found is not None
    assert found.folder == place


@pytest.mark.skipif(os.geteuid() != 0, reason="a group of the hub's own user counts as given")
def test_a_group_that_belongs_to_the_service_manager_is_left_alone(place: Path) -> None:
    assert find("0::/hub.service\n", mountinfo(place)) is None


def test_a_group_that_was_delegated_is_used(place: Path) -> None:
    try:
        os.setxattr(place / "hub.service", "user.delegate", b"1")
    except OSError:
        pytest.skip("this file system keeps no attributes of users: not checked")
    found = find("0::/hub.service\n", mountinfo(place))
    assert found is not None
    assert found.folder == place / "hub.service"


def test_a_hub_that_has_moved_into_a_group_of_its_own_uses_the_one_above(place: Path) -> None:
    (place / "hub").mkdir()
    found = find("0::/hub\n", mountinfo(place))
    assert found is not None
    assert found.folder == place


def test_controllers_are_passed_on_and_limit_what_is_made(place: Path) -> None:
    found = find("0::/\n", mountinfo(place))
    assert found is not None
    assert (place / "cgroup.subtree_control").read_text() == "+memory +pids"
    (place / "cgroup.subtree_control").write_text("memory pids")  # as the kernel then says
    found = find("0::/\n", mountinfo(place))
    assert found is not None
    assert found.controllers == ("memory", "pids")
    made = found.make("plugin-1", memory=1000, tasks=20)
    assert made is not None
    assert (made / "memory.max").read_text() == "1000"
    assert (made / "pids.max").read_text() == "20"


@pytest.mark.parametrize(
    ("cgroup", "root"),
    [("", "/"), ("8:pids:/x\n", "/"), ("0::/elsewhere\n", "/container"), ("0::/gone\n", "/")],
)
def test_where_no_group_is_to_be_seen_there_is_none(place: Path, cgroup: str, root: str) -> None:
    assert find(cgroup, mountinfo(place, root)) is None


def test_without_a_unified_hierarchy_there_is_none(place: Path) -> None:
    old = "30 21 0:26 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
    assert find("0::/\n", old) is None
