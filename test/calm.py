"""Runs a program that uses Mesa's software device, with the threads that wait for it out of its way.

IREE waits for one of several Vulkan semaphores, in two threads. Mesa has no such wait on this device, and spins: of the
time in which it compiles shaders, most on a small machine. The threads that come after the device's own get the lowest
priority.

usage: calm.py PROGRAM ARGUMENT...
"""

import contextlib
import os
import subprocess
import sys
from pathlib import Path


def waiting(process: int) -> list[int]:
    """The threads of a process that are younger than the device's own."""
    threads, device = [], 0
    with contextlib.suppress(OSError):  # it may end at any time
        for task in Path(f"/proc/{process}/task").iterdir():
            threads.append(int(task.name))
            if (task / "comm").read_text().startswith("llvmpipe"):
                device = max(device, int(task.name))
    return [thread for thread in threads if device and thread > device]


def main(command: list[str]) -> int:
    child = subprocess.Popen(command)
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return child.wait(0.05)
        for thread in waiting(child.pid):
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, thread, 19)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
