"""Show the URLs of stores to people, without the secrets in them."""

from __future__ import annotations

import re
from typing import Final

_SECRET: Final = re.compile(r"([?&;][^=&;]*(?:pass|pwd|secret|token|key)[^=&;]*=)[^&;#]*", re.IGNORECASE)


def redacted(url: str) -> str:
    """Return a URL without the secrets in it, for people to read."""
    scheme, separator, rest = url.rpartition("://") if "://" in url else ("", "", url)
    # Up to the last @: a password may hold any character, even where it should have been quoted.
    user_info, at, address = rest.rpartition("@")
    user = user_info.partition(":")[0] + ":***" if ":" in user_info else user_info
    return _SECRET.sub(r"\1***", f"{scheme}{separator}{user}{at}{address}")
