"""Writes XML-RPC calls and reads the answers: no entities, no floats, nothing but plain values."""

from __future__ import annotations

import xmlrpc.client
from typing import Any
from xml.parsers.expat import ExpatError

from defusedxml.common import DefusedXmlException
from defusedxml.xmlrpc import DefusedExpatParser


class Fault(Exception):
    """AdLoad answered with a fault; the message is its text."""


class Unreadable(ValueError):
    """The answer is no XML-RPC response with exactly one value."""


# what the standard unmarshaller raises for documents that are XML but not XML-RPC
_ILL_FORMED = (
    ExpatError,
    DefusedXmlException,
    xmlrpc.client.Error,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
)


def encode(method: str, *arguments: str) -> bytes:
    """The body of a call; arguments are passed as strings."""
    return xmlrpc.client.dumps(arguments, method, encoding="utf-8").encode()


def decode(body: bytes) -> Any:
    """The one value of a response, doubles as their text. Raises Fault, or Unreadable for anything ill-formed."""
    target = _Unmarshaller()
    try:
        parser = DefusedExpatParser(target, forbid_dtd=True)
        parser.feed(body)
        parser.close()
        values = target.close()
    except xmlrpc.client.Fault as fault:
        raise Fault(str(fault.faultString)[:500]) from None
    except _ILL_FORMED as error:
        raise Unreadable(f"no XML-RPC response ({type(error).__name__})") from None
    if len(values) != 1:
        raise Unreadable("not exactly one value")
    return values[0]


class _Unmarshaller(xmlrpc.client.Unmarshaller):
    """Keeps the text of fractions: read as a float, an amount would no longer be what AdLoad wrote."""

    def __init__(self) -> None:
        super().__init__()
        self.dispatch = self.dispatch | {"double": _end_number, "bigdecimal": _end_number}


def _end_number(target: xmlrpc.client.Unmarshaller, data: str) -> None:
    target.append(data.strip())
    target._value = False
