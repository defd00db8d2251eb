"""Ties a child process to its parent, so that a killed parent leaves no orphan. Runs alone, with the standard
library.

    python guard.py <parent pid> <command> [arguments…]

becomes the command, after asking Linux to kill it with its parent. Elsewhere it only becomes the command.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def die_with_parent(parent_pid: int) -> None:
    """Asks the kernel to SIGKILL this process when its parent's spawning thread ends (Linux; no effect
    elsewhere).
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent_pid:  # the parent ended before the request was made
        os._exit(1)


if __name__ == "__main__":
    die_with_parent(int(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])
