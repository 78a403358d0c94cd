"""What root makes beside somebody's file belongs to the owner of that file, as SQLite does with its own companions.

Otherwise `sudo lilota list` would leave a lock or a pipe that shuts out the user whose tasks these are.
"""

from __future__ import annotations

import os
import stat


def give_to_owner_of(path: str, descriptor: int) -> None:
    """Give what was just made, and is open, to the owner of a file; nothing to do unless root made it."""
    if os.geteuid() != 0:
        return
    try:
        owner, made = os.stat(path), os.fstat(descriptor)
    except FileNotFoundError:
        return  # the file was deleted: whoever uses it will be told
    # Root gives away only what can't be another name of somebody else's file.
    if made.st_uid != owner.st_uid and (made.st_nlink == 1 or stat.S_ISDIR(made.st_mode)):
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
