r"""Take a JSON answer apart as it arrives: decode its images, keep the rest for msgspec. No I/O.

    scanner = AnswerScanner(lambda index: ropes[index])
    async for chunk in response.content.iter_any(): scanner.feed(chunk)
    answer = decode_answer(scanner.close())  # {"images":[0 ,1 ], ...}: image 0 is in ropes[0]

Fresh memory and copies of whole bodies are what reading an answer costs; base64 is nearly free. So no image
ever exists as text: a chunk is decoded while it is in the processor's cache and goes to its sink at once.

The scanner follows strings and nesting, and leaves the grammar to msgspec. That is sound: an image is checked
to be a JSON string, and in an array one value stands where another stood, so that the skeleton is well-formed
exactly when the document is. Its states, each of which returns where in the chunk the next one begins:

    _outside --"--> _string --"--> _outside               a string that is no image
    _outside --[--> _entries --]--> _outside              the array of images
    _entries --"--> _prefix ---> _image --"--> _entries   an image, with or without a data URI's prefix
"""

import binascii
import re
from collections.abc import Callable
from typing import NoReturn, Protocol

import msgspec
from pybase64 import b64decode

from .errors import DecodeError

ENVELOPES = frozenset({b"result", b"output", b"response"})
MAX_KEY = len("response") * len(r"\u0072")  # bytes; a longer key is none of ours
MAX_DEPTH = 512  # levels; msgspec recurses, and Python stops it near 1000
MAX_PREFIX = 100 * len(r"\u0064")  # bytes; PREFIX allows 100 characters, and each may be an escape
WINDOW = 256  # bytes of a string that are searched at a time
FILL = (b"", b"A==", b"==", b"=")  # makes a group of four of 0 to 3 characters over
WHITESPACE = b" \t\n\r\v\f"

STRUCTURE = re.compile(rb'"(?:[^"\\]{0,64}")?|[{}\[\]:]')  # short plain strings as a whole: most keys are such
BETWEEN_IMAGES = re.compile(rb"[ \t\n\r,nul]*")  # that "nul" spells null is for msgspec to check
PREFIX = re.compile(rb"data:[ !#-+\--\[\]-~]{0,87};base64,")  # printable ASCII but comma, quote, backslash
COMMA = re.compile(rb",|\\u002[cC]")
CUT_ESCAPE = re.compile(rb"\\(?:u[0-9a-fA-F]{0,3})?\Z")
check_grammar = msgspec.json.Decoder(msgspec.Raw).decode  # builds no objects
decode_string = msgspec.json.Decoder(str).decode

# Base64 as JSON may spell it. These match as far as it is right, and so find the byte that is wrong.
BLANKS = r"(?: |\\[tnrf]|\\u00(?:20|0[9a-dA-D]))*+"  # possessive, else each repeat would cost memory
S = r"(?:[A-Za-z0-9+/]|\\/|\\u00(?i:2[bf]|3[0-9]|[46][1-9a-f]|[57][0-9a]))" + BLANKS  # a symbol
P = r"(?:=|\\u003[dD])" + BLANKS  # padding
GROUPS = re.compile(f"{BLANKS}(?:(?:{S}){{4}})*+(?:{S}(?:{S}(?:{S}(?:{P})?|{P}(?:{P})?)?)?)?".encode())
AFTER_PADDING = re.compile(BLANKS.encode())
UNESCAPED = bytes.maketrans(WHITESPACE + b"\\", b"      ?")  # once escapes are undone, \ must not begin one


class Sink(Protocol):
    """Where one image goes. One that stays unfinished is never closed: discard it."""

    def write(self, data: bytes, /) -> object:
        """Take the next piece: 3/4 of a chunk, or 1 to 3 bytes where a chunk's end cut a group of four."""

    def close(self) -> object:
        """Hear that the image is whole."""


class AnswerScanner:
    """Split the bytes of one JSON answer into decoded images and a small skeleton.

    Images are the strings in the array ``images`` at the top level, or directly inside the object ``result``,
    ``output`` or ``response``. A string without data stays ``""`` in the skeleton, and null stays null;
    neither has an index. After an error the scanner is broken and raises it again.

    Args:
        new_sink: Gives the sink of image 0, 1, ... when its first bytes are decoded.
        max_skeleton: Bytes allowed beside the images.
        max_image: Bytes allowed in one decoded image.
    """

    def __init__(
        self, new_sink: Callable[[int], Sink], *, max_skeleton: int = 8 * 2**20, max_image: int = 200 * 2**20
    ) -> None:
        self._new_sink = new_sink
        self._max_skeleton = max_skeleton
        self._max_image = max_image
        self._failure: tuple[str, int] | None = None
        # A function, not a bound method: a reference cycle would hold the images until a collection.
        self._state: Callable[[AnswerScanner, bytes, int], int] = AnswerScanner._outside
        self._offset = 0  # of the current chunk in the document
        # The skeleton, and where in it we are.
        self._skeleton = bytearray()
        self._cuts = [(0, 0)]  # (in the skeleton, in the document): the same place, after each image
        self._depth = 0
        self._key_depth = 1  # the last level whose keys matter: 2 in an envelope
        self._string_start = 0  # in the skeleton, behind the quote
        self._last = b""  # string: a key, when a colon follows
        self._key = b""  # of the next value, where it matters
        # The image at work.
        self._index = 0
        self._sink: Sink | None = None
        self._size = 0  # bytes decoded; no multiple of 3 when padding has been seen, and only then
        self._carry = b""  # text that cannot be decoded yet: 0 to 3 characters, or what may become a prefix

    def feed(self, chunk: bytes | bytearray | memoryview) -> None:
        """Take the next bytes of the answer, best 64 to 256 KB of ``bytes``; other buffers are copied first.

        Raises:
            DecodeError: The answer is wrong here, or was before.
        """
        if self._failure:
            raise DecodeError(*self._failure)
        self._failure = ("a sink failed", self._offset)  # stands if an exception of a sink ends the loop
        data, at = bytes(chunk), 0  # no copy if it is bytes
        while at < len(data):
            at = self._state(self, data, at)
        self._offset += len(data)
        self._failure = None

    def close(self) -> bytes:
        """End the document and return it with an index for every image: well-formed JSON in UTF-8.

        Raises:
            DecodeError: The document is cut off or is not JSON, or was wrong before.
        """
        if self._failure:
            raise DecodeError(*self._failure)
        if self._state in (AnswerScanner._prefix, AnswerScanner._image):
            self._fail(f"the rest of image {self._index}", "the end of the answer", 0)
        skeleton = bytes(self._skeleton).removeprefix(b"\xef\xbb\xbf")  # a byte order mark
        if fault := _find_fault(skeleton):
            expected, got, place = fault
            place += len(self._skeleton) - len(skeleton)
            in_skeleton, in_document = max(cut for cut in self._cuts if cut[0] <= place)
            self._fail(expected, got, in_document + place - in_skeleton - self._offset)
        return skeleton

    def _outside(self, chunk: bytes, at: int) -> int:
        """Pass over what is no image, and keep it in one piece: a step for each mark would cost more than decoding."""
        end = len(chunk)
        for found in STRUCTURE.finditer(chunk, at):
            match found[0]:
                case b":":
                    self._key = self._last if self._depth <= self._key_depth else b""
                case b'"':  # of a string that is long, has escapes, or is cut by the chunk's end
                    self._state = AnswerScanner._string
                case b"[" | b"{" as bracket:
                    self._check_depth(chunk, at, found.end())
                    self._open(bracket)
                case b"]" | b"}":
                    self._depth -= 1
                case plain_string:
                    self._last = plain_string[1:-1]
            if self._state is not AnswerScanner._outside:
                end = found.end()
                break
        self._keep(chunk, at, end)
        self._string_start = len(self._skeleton)
        return end

    def _string(self, chunk: bytes, at: int) -> int:
        # With its escaped backslashes and quotes masked, a string ends at the first quote.
        masked = chunk[at : at + WINDOW].replace(b"\\\\", b"..").replace(b'\\"', b"..")
        size = masked.find(b'"') + 1 or len(masked)
        self._keep(chunk, at, at + size)
        if masked[size - 1] == ord('"'):
            end = min(len(self._skeleton) - 1, self._string_start + MAX_KEY + 1)
            self._last = _plain(self._skeleton[self._string_start : end])
            self._state = AnswerScanner._outside
        elif masked[size - 1] == ord("\\"):
            self._state = AnswerScanner._escaped
        return at + size

    def _escaped(self, chunk: bytes, at: int) -> int:
        self._keep(chunk, at, at + 1)
        self._state = AnswerScanner._string
        return at + 1

    def _entries(self, chunk: bytes, at: int) -> int:
        end = _past(BETWEEN_IMAGES, chunk, at)
        self._keep(chunk, at, end)
        match chunk[end : end + 1]:
            case b'"':
                self._state = AnswerScanner._prefix
                return end + 1
            case b"]":
                self._state = AnswerScanner._outside
            case other if other:
                self._fail(f"base64 text in image {self._index}", f"a value that begins with {other!r}", end)
        return end

    def _prefix(self, chunk: bytes, at: int) -> int:
        text, quote, _ = (self._carry + chunk[at : at + MAX_PREFIX]).partition(b'"')
        comma = COMMA.search(text)
        start = _plain(CUT_ESCAPE.sub(b"", text))[:5]
        if comma and PREFIX.fullmatch(_plain(text[: comma.end()])):
            at += comma.end() - len(self._carry)
            self._carry = b""
        elif not comma and not quote and b"data:".startswith(start) and len(text) < MAX_PREFIX:
            self._carry = text
            return len(chunk)
        self._state = AnswerScanner._image
        return at

    def _image(self, chunk: bytes, at: int) -> int:
        """Decode text where it lies: this is the hot path."""
        if self._take_plain(chunk, at, len(chunk)):  # as most chunks lie inside of a picture, no quote is looked for
            return len(chunk)
        quote = chunk.find(b'"', at)  # if it is escaped, its backslash is wrong in any case
        end = len(chunk) if quote < 0 else quote
        if quote < 0 or not self._take_plain(chunk, at, end):
            self._take_spelled(self._carry + chunk[at:end], at - len(self._carry))
        if end == quote:
            self._end_image(quote)
        return end + 1

    def _take_plain(self, chunk: bytes, at: int, end: int) -> bool:
        """Decode text that is nothing but whole base64; says whether it was such."""
        # The carry is filled up to a group of four and decoded apart; joining it to the chunk would copy.
        middle = min(at + -len(self._carry) % 4, end)
        last = end - (end - middle) % 4
        group, rest = self._carry + chunk[at:middle], chunk[last:end]
        head, body = _decode(group), _decode(memoryview(chunk)[middle:last])
        if head is None or body is None or b"=" in group or b'"' in rest or self._size % 3:
            return False
        self._carry = rest
        for data in filter(None, (head, body)):
            self._write(data, at)
        return True

    def _take_spelled(self, raw: bytes, at: int) -> None:
        """Decode text that has escapes, blanks, padding in its midst or errors: the slow path."""
        cut = CUT_ESCAPE.search(raw, max(0, len(raw) - len(r"\u002")))
        complete = cut.start() if cut else len(raw)
        text = _plain(raw[:complete]).translate(UNESCAPED, WHITESPACE)
        whole = len(text) - len(text) % 4
        # The rest is checked too while its place is known: no text is right that is wrong when filled up.
        data = _decode(text + FILL[len(text) % 4])
        if data is None or (text and self._size % 3):
            bad = _past(AFTER_PADDING if self._size % 3 else GROUPS, raw, 0)
            self._fail(f"base64 text in image {self._index}", repr(raw[bad : bad + 1]), at + bad)
        self._carry = text[whole:] + raw[complete:]
        if whole:
            self._write(data[: whole // 4 * 3], at)

    def _write(self, data: bytes, at: int) -> None:
        self._size += len(data)
        if self._size > self._max_image:
            self._fail(f"at most {self._max_image} bytes in image {self._index}", "more", at)
        if self._sink is None:
            self._sink = self._new_sink(self._index)
        self._sink.write(data)

    def _end_image(self, quote: int) -> None:
        self._take_spelled(self._carry, quote - len(self._carry))  # blanks may be left
        if self._carry:
            self._fail(f"base64 text in image {self._index}", f"its end after {self._carry!r}", quote)
        if self._sink is None:
            self._skeleton += b'""'
        else:
            self._sink.close()
            self._skeleton += b"%d " % self._index  # the blank keeps "QQ==""QQ==" from making one number
            self._index += 1
        self._cuts.append((len(self._skeleton), self._offset + quote + 1))
        self._sink, self._size = None, 0
        self._state = AnswerScanner._entries

    def _keep(self, chunk: bytes, start: int, end: int) -> None:
        room = max(0, self._max_skeleton - len(self._skeleton))
        if end - start > room:
            self._fail(f"at most {self._max_skeleton} bytes beside the images", "more", start + room)
        self._skeleton += chunk[start:end]

    def _check_depth(self, chunk: bytes, start: int, end: int) -> None:
        if self._depth == MAX_DEPTH:
            self._keep(chunk, start, end)  # if that is too much, it was so earlier
            self._fail(f"at most {MAX_DEPTH} levels of nesting", "more", end - 1)

    def _open(self, bracket: bytes) -> None:
        if bracket == b"[" and self._key == b"images":
            self._state = AnswerScanner._entries
        if self._depth == 1:
            self._key_depth = 2 if bracket == b"{" and self._key in ENVELOPES else 1
        self._depth += 1
        self._key = b""

    def _fail(self, expected: str, got: str, at: int) -> NoReturn:
        self._failure = (f"expected {expected}, got {got}", self._offset + at)
        raise DecodeError(*self._failure)


def decode_image(text: str | bytes, *, index: int = 0) -> bytes:
    """Decode one image string that is out of its JSON already, by the rules of ``AnswerScanner``.

    Args:
        text: Base64 with padding; a data URI's prefix and ASCII white space are passed over.
        index: Its number, for the error.

    Raises:
        DecodeError: It is no base64; ``offset`` counts in ``text``.
    """
    data = text.encode("ascii", "replace") if isinstance(text, str) else text
    start = _past(PREFIX, data, 0)
    image = _decode(data[start:]) or _decode(data[start:].translate(None, WHITESPACE))
    if image is None:
        bad = _past(GROUPS, data.translate(UNESCAPED), start)
        got = repr(text[bad : bad + 1]) if bad < len(data) else "its end inside a group of four"
        raise DecodeError(f"expected base64 text in image {index}, got {got}", bad)
    return image


def _decode(text: bytes | memoryview) -> bytes | None:
    try:
        return b64decode(text, validate=True)  # without validate it is slower and drops unknown characters
    except binascii.Error:
        return None


def _plain(raw: bytes | bytearray) -> bytes:
    """Undo a JSON string's escapes; what is no ASCII string becomes a backslash, which nothing accepts."""
    try:
        return decode_string(b"".join((b'"', raw, b'"'))).encode("ascii")
    except ValueError:  # as msgspec's and Unicode's errors are
        return b"\\"


def _past(pattern: re.Pattern[bytes], data: bytes, at: int) -> int:
    found = pattern.match(data, at)
    return found.end() if found else at


def _find_fault(skeleton: bytes) -> tuple[str, str, int] | None:
    try:
        check_grammar(skeleton)
        skeleton.decode()  # msgspec.Raw looks at ASCII only
    except UnicodeDecodeError as error:
        return "UTF-8", f"an {error.reason}", error.start
    except (msgspec.MsgspecError, RecursionError) as error:
        message = str(error).removeprefix("JSON is malformed: ").removesuffix(")")
        got, _, place = message.partition(" (byte ")
        return "well-formed JSON", repr(got), int(place or len(skeleton))
    return None
