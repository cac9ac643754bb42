"""Read and write XMP: the properties that are carried, and the mark of what AI made. No I/O.

Packets come from strangers: a document type is refused before anything in it is believed, so no entity is ever
expanded, and depth and size are bounded. What cannot be read is not there.

Source: XMP Specification Part 1 (ISO 16684-1:2019); IPTC Photo Metadata Standard 2023.2.
"""

import re
from collections.abc import Iterable, Mapping
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from .embedded import MAX_XMP

MAX_DEPTH = 32
MAX_PACKET = 65_000  # bytes written; a JPEG segment holds little more
SPACES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "x": "adobe:ns:meta/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
    "digiKam": "http://www.digikam.org/ns/1.0/",
    "Iptc4xmpCore": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "xml": "http://www.w3.org/XML/1998/namespace",
}
_PREFIXES = {space: prefix for prefix, space in SPACES.items()}
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_RDF = f"{{{SPACES['rdf']}}}"

Properties = Mapping[str, Element]
"""Top-level properties by name: ``{namespace}local`` to an element of that name."""


def name(short: str) -> str:
    """Return the full name of a property: ``dc:subject`` in the tree's notation."""
    prefix, local = short.split(":")
    return f"{{{SPACES[prefix]}}}{local}"


def names(*short: str) -> frozenset[str]:
    """Return the full names of properties."""
    return frozenset(map(name, short))


DATE_PROPERTIES = names("xmp:CreateDate", "photoshop:DateCreated", "exif:DateTimeOriginal")
PERSONAL_PROPERTIES = names(
    *("dc:subject", "lr:hierarchicalSubject", "digiKam:TagsList", "Iptc4xmpExt:PersonInImage"),  # keywords
    *("xmp:Rating", "xmp:Label"),
    *("dc:title", "dc:description", "dc:creator", "dc:rights", "photoshop:Headline"),
)
PLACE_PROPERTIES = names(
    *("exif:GPSLatitude", "exif:GPSLongitude", "exif:GPSAltitude", "exif:GPSAltitudeRef"),
    *("photoshop:City", "photoshop:State", "photoshop:Country"),
    *("Iptc4xmpCore:Location", "Iptc4xmpCore:CountryCode"),
    *("Iptc4xmpExt:LocationCreated", "Iptc4xmpExt:LocationShown"),
)
KEYWORDS = name("dc:subject")
RATING = name("xmp:Rating")
SOURCE_TYPE = name("Iptc4xmpExt:DigitalSourceType")


def parse(packet: bytes) -> Properties:
    """Read a packet's properties; empty when it is broken, hostile or too large."""
    if not packet or len(packet) > MAX_XMP:
        return {}
    try:
        root = _tree(packet)
    except (expat.ExpatError, ValueError, AssertionError):  # AssertionError: TreeBuilder's word for no root
        return {}
    properties: dict[str, Element] = {}
    for description in root.iter(f"{_RDF}Description"):
        if description.get(f"{_RDF}parseType") is None:
            _collect(description, properties)
    return properties


def _collect(description: Element, properties: dict[str, Element]) -> None:
    """Take a description's properties, written as attributes or as elements; the first of a name stays."""
    for key, value in description.items():
        if not key.startswith((_RDF, "{" + SPACES["xml"])) and key.startswith("{"):
            properties.setdefault(key, simple(key, value))
    for element in description:
        if element.tag.startswith("{") and not element.tag.startswith(_RDF):
            properties.setdefault(element.tag, element)


def _tree(packet: bytes) -> Element:
    builder = TreeBuilder()
    parser = expat.ParserCreate(None, "}")
    parser.buffer_text = True
    depth = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise ValueError(f"expected at most {MAX_DEPTH} levels, got more")
        builder.start(_full(tag), {_full(key): value for key, value in attributes.items()})

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(_full(tag))

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = _refuse
    parser.Parse(packet, True)
    return builder.close()


def _full(tag: str) -> str:
    return "{" + tag if "}" in tag else tag


def _refuse(*_: object) -> None:
    raise ValueError("expected no document type, got one")


def of_another_size(packet: bytes) -> bytes:
    """Return a packet without what it says of pixels and orientation; empty when it is too large for a JPEG."""
    stale = (f"{{{SPACES['tiff']}}}", f"{{{SPACES['exif']}}}Pixel")
    written = encode({key: value for key, value in parse(packet).items() if not key.startswith(stale)})
    return written if len(written) <= MAX_PACKET else b""


def simple(full_name: str, text: str) -> Element:
    """Make a property of one text."""
    element = Element(full_name)
    element.text = text
    return element


def bag(full_name: str, texts: Iterable[str]) -> Element:
    """Make a property of several texts without order."""
    element, items = Element(full_name), Element(f"{_RDF}Bag")
    items.extend(simple(f"{_RDF}li", text) for text in texts)
    element.append(items)
    return element


def items_of(element: Element | None) -> tuple[str, ...]:
    """Return the texts of a bag, a sequence or a single text."""
    if element is None:
        return ()
    listed = tuple(item.text or "" for item in element.iter(f"{_RDF}li"))
    return listed or ((element.text or "").strip(),)


def encode(properties: Properties) -> bytes:
    """Write a packet: one description, its properties in the order of their names; empty without any."""
    if not properties:
        return b""
    spaces: dict[str, str] = {}
    body = "".join(_write(properties[key], spaces) for key in sorted(properties))
    declared = "".join(f" xmlns:{prefix}={quoteattr(space)}" for space, prefix in sorted(spaces.items()))
    text = (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        f'<x:xmpmeta xmlns:x="{SPACES["x"]}"><rdf:RDF xmlns:rdf="{SPACES["rdf"]}">'
        f'<rdf:Description rdf:about=""{declared}>{body}</rdf:Description>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    )
    return text.encode()


def _write(element: Element, spaces: dict[str, str]) -> str:
    tag = _short(element.tag, spaces)
    attributes = "".join(f" {_short(key, spaces)}={quoteattr(_clean(value))}" for key, value in sorted(element.items()))
    children = "".join(_write(child, spaces) for child in element)
    text = "" if len(element) else escape(_clean(element.text or ""))  # between elements there is only layout
    return f"<{tag}{attributes}>{text}{children}</{tag}>"


def _short(full_name: str, spaces: dict[str, str]) -> str:
    """Return ``prefix:local`` and remember that the prefix is to be declared."""
    if not full_name.startswith("{"):
        return full_name
    space, _, local = full_name[1:].partition("}")
    prefix = _PREFIXES.get(space)
    if prefix is None:
        prefix = spaces.setdefault(space, f"ns{len(spaces)}")
    elif prefix not in {"rdf", "x", "xml"}:
        spaces.setdefault(space, prefix)
    return f"{prefix}:{local}"


def _clean(text: str) -> str:
    return _NOT_XML.sub("", text)
