"""Where secrets and keys may travel: over TLS, or within this machine."""

import ipaddress
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def objection(url: str) -> str | None:
    """Why the URL is not one to trust, None where it is."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https"):
        return f"{url!r} is no http or https URL: write it whole"
    if "@" in parts.netloc:
        return "its URL holds credentials, which would be logged: leave them out"
    if parts.scheme == "http" and not is_loopback(host):
        return f"{url!r} is read and changed by whoever is on the way: only https leaves this machine"
    return None
