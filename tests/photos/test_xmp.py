"""XMP from strangers: read without trust, written well-formed."""

from xml.dom import minidom

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phota_async.photos import iptc, xmp

from . import samples

RDF = '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">{}</rdf:RDF>'
RATED = RDF.format('<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="5">{}</rdf:Description>')


def test_attributes_and_elements_are_properties() -> None:
    found = xmp.parse(samples.XMP)
    assert xmp.items_of(found[xmp.KEYWORDS]) == ("family", "René & Zoë")
    assert xmp.items_of(found[xmp.RATING]) == ("4",)
    assert xmp.items_of(None) == ()


@pytest.mark.parametrize(
    "hostile",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>' + RATED.format("&b;"),
        '<!DOCTYPE x SYSTEM "file:///etc/passwd">' + RATED.format(""),
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + RATED.format("&a;"),
        RATED.format("&a;"),
        RATED.format("<a>" * 100_000 + "</a>" * 100_000),
        RATED.format("<a>" * 40),
        RATED.format(f"<a>{'x' * 2**20}</a>"),
        RATED.format("<un:bound/>"),
        "",
        "\0" * 100,
        "no xml",
        "<?xpacket begin=''?>",
    ],
)
def test_the_hostile_and_the_broken_are_not_there(hostile: str) -> None:
    assert xmp.parse(hostile.encode()) == {}
    assert xmp.parse(hostile.encode("utf-16")) == {}


def test_other_encodings_are_read() -> None:
    assert xmp.RATING in xmp.parse(RATED.format("").encode("utf-16"))


@given(st.text(max_size=50), st.text(max_size=50))
def test_any_text_is_written_well_formed(first: str, second: str) -> None:
    packet = xmp.encode({xmp.KEYWORDS: xmp.bag(xmp.KEYWORDS, (first, second))})
    minidom.parseString(packet)
    assert xmp.encode(xmp.parse(packet)) == xmp.encode(xmp.parse(xmp.encode(xmp.parse(packet))))


@given(st.binary(max_size=300))
def test_any_bytes_can_be_read(data: bytes) -> None:
    xmp.parse(data)
    iptc.keywords(data)
    iptc.keywords(b"\x1c\x02\x19" + data)
    iptc.in_photoshop(b"8BIM" + data)


def test_strange_namespaces_get_names_of_their_own() -> None:
    strange = RDF.format(
        '<rdf:Description><dc:a xmlns:dc="urn:1"><b xmlns="urn:2" c="d"/></dc:a>'
        '<dc:e xmlns:dc="urn:3"/></rdf:Description>'
    )
    packet = xmp.encode(xmp.parse(strange.encode()))
    minidom.parseString(packet)
    assert set(xmp.parse(packet)) == {"{urn:1}a", "{urn:3}e"}


def test_nothing_is_nothing() -> None:
    assert xmp.encode({}) == b""
    assert xmp.of_another_size(b"") == b""


def test_what_speaks_of_pixels_goes_with_them() -> None:
    told = RDF.format(
        '<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/" '
        'tiff:Orientation="6" exif:PixelXDimension="9" exif:ISOSpeed="100"/>'
    )
    packet = xmp.of_another_size(told.encode())
    assert b"ISOSpeed" in packet
    assert b"Orientation" not in packet
    assert b"Pixel" not in packet
    assert xmp.of_another_size(xmp.encode({xmp.RATING: xmp.simple(xmp.RATING, "x" * 70_000)})) == b""


def test_keywords_of_iptc() -> None:
    assert iptc.keywords(samples.iptc(b"a", b"", b"b", b"a")) == ("a", "b")
    assert iptc.keywords(samples.iptc(b"a") + b"\x1c\x02\x19\xff\xff") == ("a",)
    assert iptc.keywords(samples.iptc(b"\xff", is_utf8=True)) == ("\ufffd",)
    assert iptc.in_photoshop(samples.photoshop(b"records").removeprefix(b"Photoshop 3.0\0")) == b"records"
