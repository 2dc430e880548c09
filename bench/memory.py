"""How much memory there is, whatever limits it, and how sizes are told."""

from __future__ import annotations

import ctypes
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what only reads arrays knows no torch
    import torch

CGROUPS = Path("/sys/fs/cgroup")
UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")

KEPT = {-1: 2**31 - 1, -3: 2**28}
"""glibc's M_TRIM_THRESHOLD and M_MMAP_THRESHOLD (malloc.h) in bytes: how much freed memory a process
keeps, and up to what size memory is taken from there."""


def memory_there(device: torch.device) -> int:
    """Bytes that this process may still take on a device."""
    if device.type == "cuda":
        import torch

        return int(torch.cuda.mem_get_info(device)[0])
    return host_memory()


def host_memory() -> int:
    """Bytes that this process may still take beside any accelerator."""
    known = (_free_of_machine(), _free_of_group(), _free_of_process())
    return min(free for free in known if free is not None)


def keep_freed_memory() -> None:
    """The images inside a network are freed and asked for again at each step.

    By default glibc gives them back to the system and gets new pages each time, which took a third
    of a convolutional step.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        for option, size in KEPT.items():
            libc.mallopt(option, size)


def size_text(count: float) -> str:
    """``3.2 TB``, ``24 GB`` or ``512 bytes``."""
    unit = 0
    while count >= 999.5 and unit < len(UNITS) - 1:
        count, unit = count / 1000, unit + 1
    return f"{count:.2g} {UNITS[unit]}" if 0 < count < 10 else f"{count:,.0f} {UNITS[unit]}"


def kernel_kills() -> int:
    """How often the kernel has ended a process for lack of memory, in this group or on the machine."""
    files = [Path("/proc/vmstat")]
    files += [f / name for f in _groups() for name in ("memory.events", "memory.oom_control")]
    said = "\n".join(_text(path) for path in files)
    return sum(map(int, re.findall(r"^oom_kill (\d+)$", said, re.MULTILINE)))


def _groups() -> tuple[Path, ...]:
    """Where this process's control group may lie, of either version, and the one above all."""
    own = re.search(r"^(?:0::|\d+:memory:)/(.*)$", _text(Path("/proc/self/cgroup")), re.MULTILINE)
    inside = own[1] if own else ""
    return (CGROUPS / inside, CGROUPS, CGROUPS / "memory" / inside, CGROUPS / "memory")


def _free_of_machine() -> int:
    """What the kernel could give, its caches counted in; all of it where it does not say."""
    found = re.search(r"MemAvailable:\s+(\d+) kB", _text(Path("/proc/meminfo")))
    if found:
        return 1024 * int(found[1])
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _free_of_group() -> int | None:
    """What the control group leaves, of either version; None without a limit."""
    for folder in _groups():
        for limit, used in (
            ("memory.max", "memory.current"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        ):
            most, now = _text(folder / limit).strip(), _text(folder / used).strip()
            if most.isdecimal() and now.isdecimal():
                cache = re.search(
                    r"^(?:total_)?inactive_file (\d+)$", _text(folder / "memory.stat"), re.MULTILINE
                )
                return max(0, int(most) - int(now) + (int(cache[1]) if cache else 0))
    return None


def _free_of_process() -> int | None:
    """What ``ulimit -v`` leaves; None without one."""
    if sys.platform == "win32":
        return None
    import resource

    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    pages = _text(Path("/proc/self/statm")).partition(" ")[0]
    if most == resource.RLIM_INFINITY or not pages:
        return None
    return max(0, most - int(pages) * os.sysconf("SC_PAGE_SIZE"))


def _text(path: Path) -> str:
    """What a file of the kernel says; nothing where it is not there."""
    try:
        return path.read_text()
    except OSError:
        return ""
