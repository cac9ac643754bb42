"""Photos as cameras make them, with all that must not leave in all the places where it is found."""

import io
import struct
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms, ImageDraw, features

SERIAL, OWNER, MAKER, THUMBNAIL, CAPTION, MOTION, COMMENT, TOWN = (
    b"SERIAL-0042",
    b"Jane Owner",
    b"MAKER-SECRET",
    b"THUMB-SECRET",
    b"At home in May",
    b"MOTION-SECRET",
    b"COMMENT-SECRET",
    b"Smalltown",
)
LATITUDE = 0x7A7B7C7D  # the seconds' numerator, found nowhere by chance
PRIVATE = (
    *(SERIAL, OWNER, MAKER, THUMBNAIL, CAPTION, MOTION, COMMENT, TOWN),
    *(struct.pack(order, LATITUDE) for order in ("<I", ">I")),
    *(b"ns.adobe.com", b"Photoshop"),
)
DATE, OFFSET = "2019:05:04 12:34:56", "+02:00"
TAKEN = 1556966096.0  # 2019-05-04T10:34:56Z
CAMERA = "Camera Co"
HEIC = Path(__file__).with_name(
    "phone.heic"
)  # 48 x 64, turned by 6; made with pillow-heif 1.8.1, which we may not ship
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
AVIF = pytest.param(
    "AVIF", marks=pytest.mark.skipif("avif" not in features.get_supported(), reason="Pillow before 11.3")
)
CORNERS = ("red", "green", "blue", "white")  # top left, top right, bottom left, bottom right

XMP = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
  xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"
  xmlns:aux="http://ns.adobe.com/exif/1.0/aux/"
  xmp:Rating="4" exif:GPSLatitude="48,51.5N" photoshop:City="{TOWN.decode()}" aux:SerialNumber="{SERIAL.decode()}">
  <dc:subject><rdf:Bag><rdf:li>family</rdf:li><rdf:li>Ren\u00e9 &amp; Zo\u00eb</rdf:li></rdf:Bag></dc:subject>
  <dc:description><rdf:Alt><rdf:li xml:lang="x-default">{CAPTION.decode()}</rdf:li></rdf:Alt></dc:description>
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>""".encode()


def picture(size: tuple[int, int] = (64, 48), mode: str = "RGB") -> Image.Image:
    """Return a picture whose four corners tell how it is turned."""
    width, height = size
    image = Image.new("RGB", size)
    draw = ImageDraw.Draw(image)
    for number, colour in enumerate(CORNERS):
        left, top = number % 2 * width // 2, number // 2 * height // 2
        draw.rectangle((left, top, left + width // 2, top + height // 2), fill=colour)
    return image.convert(mode)


def corners(image: Image.Image) -> tuple[str, ...]:
    """Return what colours the corners have, to the nearest."""
    rgb = image.convert("RGB")
    right, bottom = rgb.width - 1, rgb.height - 1
    wanted = {"red": (255, 0, 0), "green": (0, 128, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}
    found = []
    for place in ((0, 0), (right, 0), (0, bottom), (right, bottom)):
        pixel = rgb.getpixel(place)
        assert isinstance(pixel, tuple)
        found.append(min(wanted, key=lambda name: sum(abs(a - b) for a, b in zip(pixel, wanted[name], strict=True))))
    return tuple(found)


def stored(turned: int, size: tuple[int, int] = (64, 48)) -> Image.Image:
    """Return the picture as a camera stores it which notes that it is turned so."""
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Pillow's transpositions, each the inverse of what it says
    image = picture(size)
    return image if turned == 1 else image.transpose(Image.Transpose(undo[turned]))


def exif(turned: int = 1, order: str = "<", **rest: bytes) -> bytes:
    """Return the EXIF of a camera that tells everything, and a thumbnail, as a TIFF structure."""
    camera = {
        0x9003: text(DATE.encode()),
        0x9011: text(OFFSET.encode()),
        0x829A: (5, 1, struct.pack(f"{order}II", 1, 250)),
        0x927C: (7, len(MAKER), MAKER),
        0xA001: (3, 1, struct.pack(f"{order}H", 1)),
        0xA430: text(OWNER),
        0xA431: text(SERIAL),
        0xA002: (4, 1, struct.pack(f"{order}I", 9999)),
    }
    place = {
        1: text(b"N"),
        2: (5, 3, struct.pack(f"{order}6I", 48, 1, 51, 1, LATITUDE, 100_000_000)),
    }
    thumbnail = b"\xff\xd8" + THUMBNAIL + b"\xff\xd9"
    main = {
        0x010E: text(CAPTION),
        0x010F: text(CAMERA.encode()),
        0x0110: text(b"Model X"),
        0x0112: (3, 1, struct.pack(f"{order}H", turned)),
        0x013B: text(OWNER),
        0x4746: (3, 1, struct.pack(f"{order}H", 4)),
    }
    small = {0x0201: (4, 1, b"\0\0\0\0"), 0x0202: (4, 1, struct.pack(f"{order}I", len(thumbnail)))}
    return _tiff(order, main, camera, place, small, thumbnail)


def text(value: bytes) -> tuple[int, int, bytes]:
    return 2, len(value) + 1, value + b"\0"


def _tiff(order: str, main: dict[int, Any], camera: Any, place: Any, small: Any, thumbnail: bytes) -> bytes:
    number = {"<": b"II*\0", ">": b"MM\0*"}[order]
    blocks, at = b"", 8 + _size(main) + 24
    for pointer, directory in ((0x8769, camera), (0x8825, place)):
        main[pointer] = (4, 1, struct.pack(f"{order}I", at))
        blocks += _block(order, directory, at, 0)
        at += _size(directory)
    small[0x0201] = (4, 1, struct.pack(f"{order}I", at + _size(small)))
    blocks += _block(order, small, at, 0) + thumbnail
    return number + struct.pack(f"{order}I", 8) + _block(order, main, 8, at) + blocks


def _size(directory: dict[int, tuple[int, int, bytes]]) -> int:
    return 6 + sum(12 + (len(value) + len(value) % 2 if len(value) > 4 else 0) for _, _, value in directory.values())


def _block(order: str, directory: dict[int, tuple[int, int, bytes]], start: int, following: int) -> bytes:
    at, entries, values = start + 6 + 12 * len(directory), b"", b""
    for tag, (kind, count, value) in sorted(directory.items()):
        inside = value.ljust(4, b"\0") if len(value) <= 4 else struct.pack(f"{order}I", at + len(values))
        values += value + bytes(len(value) % 2) if len(value) > 4 else b""
        entries += struct.pack(f"{order}HHI", tag, kind, count) + inside
    return struct.pack(f"{order}H", len(directory)) + entries + struct.pack(f"{order}I", following) + values


def iptc(*keywords: bytes, is_utf8: bool = True) -> bytes:
    """Return IPTC records."""
    sets = [(1, 90, b"\x1b%G")] if is_utf8 else []
    sets += [(2, 25, keyword) for keyword in keywords]
    return b"".join(struct.pack(">BBBH", 0x1C, record, number, len(value)) + value for record, number, value in sets)


def photoshop(records: bytes) -> bytes:
    """Return Photoshop's resources with IPTC records behind another one."""
    blocks = b"8BIM\x03\xed\x03abc" + struct.pack(">I", 3) + b"xyz\0"
    return b"Photoshop 3.0\0" + blocks + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(records)) + records


def segment(marker: int, payload: bytes) -> bytes:
    """Return a JPEG segment."""
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def encoded(image: Image.Image, image_format: str = "JPEG", **options: Any) -> bytes:
    """Encode with Pillow."""
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def jpeg(turned: int = 1, size: tuple[int, int] = (64, 48), **options: Any) -> bytes:
    """Return a JPEG that tells everything, in every place known."""
    plain = encoded(stored(turned, size), quality=90, icc_profile=PROFILE, **options)
    private = (
        segment(0xE1, b"Exif\0\0" + exif(turned)),
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP),
        segment(0xED, photoshop(iptc(TOWN, b"family"))),
        segment(0xFE, COMMENT),
        segment(0xEB, b"JP" + SERIAL),
        segment(0xE4, MAKER),
        segment(0xE2, b"FPXR\0" + SERIAL),
    )
    return plain[:20] + b"".join(private) + plain[20:] + b"\0\0ftypmp42" + MOTION


def png(turned: int = 1, mode: str = "RGB", **options: Any) -> bytes:
    """Return a PNG that tells everything."""
    from PIL.PngImagePlugin import PngInfo  # noqa: PLC0415

    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", XMP.decode())
    info.add_text("Comment", COMMENT.decode())
    info.add_text("Author", OWNER.decode(), zip=True)
    return encoded(stored(turned).convert(mode), "PNG", pnginfo=info, exif=exif(turned), icc_profile=PROFILE, **options)


def webp(turned: int = 1, **options: Any) -> bytes:
    """Return a WebP that tells everything."""
    return encoded(stored(turned), "WEBP", exif=b"Exif\0\0" + exif(turned), xmp=XMP, icc_profile=PROFILE, **options)


def opened(data: bytes) -> Image.Image:
    """Decode with Pillow."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def leaks(data: bytes) -> list[bytes]:
    """Return what of the private things is found in a file."""
    return [secret for secret in PRIVATE if secret in data]
