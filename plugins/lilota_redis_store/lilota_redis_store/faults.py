"""Turn the errors of redis-py into errors that name the server and the remedy. Never with a password."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final

from lilota.errors import LilotaError, StoreUnavailableError
from lilota_redis_store.address import Address

_FORBIDS: Final = "forbids this user something that lilota needs. Extend the user's rights (ACL) as the README says"
_NEEDS_LOGIN: Final = "wants a password. Put it into the URL"
_NEEDS_NO_LOGIN: Final = "has no password set, but the URL has one. Remove it from the URL"
_WRONG_LOGIN: Final = "refuses the user or the password of the URL. Correct them"
_UNREACHABLE: Final = "can't be reached. Check its address, and that it is running"
_NO_REPLY: Final = "did not answer in time; whether it did what was asked is not known"
_CLOSED: Final = (
    "closed the connection; whether it did what was asked is not known. Check that Redis is running at this address"
)
_WRONG_FILES: Final = (
    "can't be asked: the files of 'ssl_ca_certs', 'ssl_certfile' or 'ssl_keyfile' hold something else, or do not fit "
    "together. Correct these options"
)
_OTHER_HOST: Final = "shows the certificate of another host. Use a name in it, or 'ssl_check_hostname=off'"
_LOADING: Final = "is still loading its data. Wait"
_IN_CLUSTER: Final = "belongs to a cluster. Add 'cluster=on' to the URL"
_CLUSTER_DOWN: Final = "belongs to a cluster that is not in order. Look at CLUSTER INFO there"

#: By what the message of the server, or of redis-py, contains; the first that fits counts.
_REASONS: Final = (
    ("NOAUTH", _NEEDS_LOGIN),
    ("Authentication required", _NEEDS_LOGIN),
    ("without any password", _NEEDS_NO_LOGIN),
    # Thus before Redis 6.
    ("no password is set", _NEEDS_NO_LOGIN),
    ("WRONGPASS", _WRONG_LOGIN),
    ("invalid username-password", _WRONG_LOGIN),
    ("invalid password", _WRONG_LOGIN),
    ("NOPERM", _FORBIDS),
    ("permissions", _FORBIDS),
    ("executing the script can't run", _FORBIDS),
    ("DB index is out of range", "has no database of that number. Choose a lower one, or raise 'databases' there"),
    ("Protocol Error", "answers, but not as Redis does. Check host and port"),
    ("WRONGTYPE", "has other data under the names of this store. Choose another 'prefix'"),
    ("LOADING", _LOADING),
    ("loading the dataset", _LOADING),
    ("Link with MASTER is down", "is a replica that has lost its primary. Connect to the primary"),
    ("read only replica", "is a read-only replica. Connect to the primary"),
    ("Hash slot not served", _CLUSTER_DOWN),
    ("cluster is down", _CLUSTER_DOWN),
    ("not covered by the cluster", _CLUSTER_DOWN),
    ("MOVED", _IN_CLUSTER),
    ("maxmemory", "has no memory left ('maxmemory'). Give it more, or prune old tasks; nothing was written"),
    ("MISCONF", "refuses writes because it can't save its data. Look at its disk and at its log"),
    ("NOREPLICAS", "refuses writes because too few replicas are connected. Look at INFO replication there"),
    ("is busy running a script", "is busy with somebody's script. Wait, or end it with SCRIPT KILL"),
    ("max number of clients", "has too many clients. Raise 'maxclients' there, or close some"),
    ("unknown command", "does not know a command that lilota needs. Use Redis 6.2 or newer, or Valkey"),
    ("is not valid for", _OTHER_HOST),
    ("certificate has expired", "shows a certificate that has expired. Renew it"),
    ("CERTIFICATE_VERIFY_FAILED", "shows a certificate that is not trusted. Name its authority: 'ssl_ca_certs=file'"),
    ("CERTIFICATE_REQUIRED", "wants a certificate from its clients. Name it: 'ssl_certfile=file&ssl_keyfile=file'"),
    ("NO_CERTIFICATE_OR_CRL_FOUND", _WRONG_FILES),
    ("PEM lib", _WRONG_FILES),
    ("KEY_VALUES_MISMATCH", _WRONG_FILES),
    ("WRONG_VERSION_NUMBER", "does not speak TLS there. Use 'redis://', or its port for TLS"),
    ("Cluster cannot be connected", _UNREACHABLE),
    ("Timeout connecting", _UNREACHABLE),
    ("Timeout", _NO_REPLY),
    ("timed out", _NO_REPLY),
    ("connecting to", _UNREACHABLE),
    ("EOF occurred", _CLOSED),
    ("Connection closed", _CLOSED),
    ("Connection reset", _CLOSED),
    ("Broken pipe", _CLOSED),
)
#: Where the message does not tell, by the class.
_KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "AuthenticationError": _WRONG_LOGIN,
        "NoPermissionError": _FORBIDS,
        "InvalidResponse": "answers, but not as Redis does. Check host and port",
        "MovedError": _IN_CLUSTER,
        "AskError": "is moving the tasks to another node of the cluster. Wait",
        "TryAgainError": "is moving the tasks to another node of the cluster. Wait",
    }
)
_LONGEST: Final = 300
#: redis-py has a class for some code words, and takes the word off the message.
_CODES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ReadOnlyError": "READONLY",
        "BusyLoadingError": "LOADING",
        "MasterDownError": "MASTERDOWN",
        "ClusterDownError": "CLUSTERDOWN",
        "ConnectionError": "LOST",
        "TimeoutError": "LOST",
    }
)
#: To Redis 6.2, what a command within a script was refused for is an error of the script; this is where it says so.
_WITHIN_SCRIPT: Final = re.compile(r"@user_script: ?\d+: -?([A-Z]+) ")


def code_of(error: BaseException | None) -> str:
    """Return the word that says what kind of error it is: the server's, a script's own, or LOST for a connection."""
    text = str(error)
    within = _WITHIN_SCRIPT.search(text)
    return _CODES.get(type(error).__name__) or (within[1] if within else text.partition(" ")[0])


def to_store_error(error: Exception, address: Address) -> StoreUnavailableError:
    """Return the error to raise for an error of redis-py."""
    kind, text = type(error).__name__, str(error).replace("\n", " ")
    reason = next((reason for sign, reason in _REASONS if sign in text), None) or _KINDS.get(kind, "can't be used")
    hint = _hint(reason, address, text)
    return StoreUnavailableError(f"The Redis server {address} {reason}{hint} ({kind}: {text[:_LONGEST]}).")


def _hint(reason: str, address: Address, text: str) -> str:
    """Return how the URL should look, or what else may be the matter."""
    if reason is _NEEDS_LOGIN:
        return f": {str(address).replace('://', '://user:password@')}"
    if reason is _OTHER_HOST and f"'{address.host}'" not in text:
        return "; the nodes of a cluster must announce their names ('cluster-announce-hostname')"
    return _hint_for_tcp(reason, address.tls) if address.socket_path is None else ""


def _hint_for_tcp(reason: str, tls: Mapping[str, object] | None) -> str:
    if reason is _UNREACHABLE and tls is not None:
        return " and speaks TLS there (without, use 'redis://')"
    if reason is _CLOSED and tls is None:
        return ", and that it does not want TLS ('rediss://')"
    if reason is _CLOSED and "ssl_certfile" not in (tls or {}):
        return ", and that it wants no certificate from its clients ('ssl_certfile=file&ssl_keyfile=file')"
    return ""


@contextmanager
def translated(address: Address) -> Iterator[None]:
    """Raise StoreUnavailableError for what the server can't do, naming it."""
    try:
        yield
    except LilotaError:
        raise
    except Exception as error:
        if not _is_of_redis(error):
            raise
        raise to_store_error(error, address) from error


def _is_of_redis(error: Exception) -> bool:
    """Tell, without importing redis-py, whether it is one of its errors, or of the network."""
    return isinstance(error, OSError) or type(error).__module__.partition(".")[0] == "redis"
