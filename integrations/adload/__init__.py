"""AdLoad, the advertiser side that confirms and charges clicks: one port, one driver per way of speaking to it."""

from __future__ import annotations

from collections.abc import Callable

from config.settings import Settings
from integrations.adload.http import HttpAdLoad
from integrations.adload.port import AdLoad
from integrations.adload.xmlrpc import XmlRpcAdLoad
from integrations.errors import Unauthorized


def make(settings: Settings, *, on_pause: Callable[[Unauthorized], None] | None = None) -> AdLoad | None:
    """The driver that ADLOAD_DRIVER names; None for `local`, which works on our own tables and is made by the core.

    `on_pause` is called once when AdLoad refuses our key, to record the pause and raise the alert.
    """
    if settings.adload_driver == "http":
        return HttpAdLoad.from_settings(settings, on_pause=on_pause)
    if settings.adload_driver == "xmlrpc":
        return XmlRpcAdLoad.from_settings(settings, on_pause=on_pause)
    return None
