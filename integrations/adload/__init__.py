"""AdLoad, the advertiser side that confirms and charges clicks: one port, one driver per way of speaking to it."""

from __future__ import annotations

from config.settings import Settings
from integrations.adload.port import AdLoad, Ears


def make(settings: Settings, ears: Ears | None = None) -> AdLoad | None:
    """The driver that ADLOAD_DRIVER names; None for `local`, which works on our own tables and is made by the core.

    `ears` hear that AdLoad refuses our key, to record the pause and raise the alert, and that it takes the key again.
    """
    if settings.adload_driver == "http":
        from integrations.adload.http import HttpAdLoad

        return HttpAdLoad.from_settings(settings, ears or Ears())
    if settings.adload_driver == "xmlrpc":
        from integrations.adload.xmlrpc import XmlRpcAdLoad

        return XmlRpcAdLoad.from_settings(settings, ears or Ears())
    return None
