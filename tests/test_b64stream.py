"""The scanner takes answers apart exactly as json and base64 would, however the bytes are cut."""

import base64
import gc
import json
import pickle
import tracemalloc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_json import Refused, Rope, read_by_scanner, read_plainly

from phota_async.b64stream import AnswerScanner, decode_image
from phota_async.errors import DecodeError

PIXELS = bytes(range(256)) * 3
TEXT = base64.b64encode(PIXELS).decode()
ESCAPED_RESPONSE = "".join(f"\\u{ord(each):04x}" for each in "response").encode()
BOM = b"\xef\xbb\xbf"


def split(document: bytes, size: int) -> list[bytes]:
    return [document[at : at + size] for at in range(0, len(document), size)]


def scan(document: bytes, size: int = 1, **limits: int) -> tuple[bytes, list[Rope]]:
    ropes: dict[int, Rope] = {}
    scanner = AnswerScanner(lambda index: ropes.setdefault(index, Rope()), **limits)
    for chunk in split(document, size):
        scanner.feed(chunk)
    return scanner.close(), [ropes[index] for index in range(len(ropes))]


def images(document: bytes, size: int = 1) -> list[bytes]:
    _, ropes = scan(document, size)
    assert all(rope.closed for rope in ropes)
    return [b"".join(rope.pieces) for rope in ropes]


def failure(document: bytes, size: int = 1, **limits: int) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        scan(document, size, **limits)
    return caught.value


def answer(*entries: str) -> bytes:
    """Return an answer whose images are spelled as given."""
    return ('{"images":[' + ",".join(entries) + "]}").encode()


@pytest.fixture(params=[1, 2, 3, 5, 7, 64, 10**6])
def size(request: pytest.FixtureRequest) -> int:
    value: int = request.param
    return value


# What is taken.


@pytest.mark.parametrize(
    ("document", "skeleton"),
    [
        (b'{"images":["QUJD","REVG"],"x":1}', b'{"images":[0 ,1 ],"x":1}'),
        (b' { "images" :\t[ "QUJD" ,\r\n "REVG" ] } ', b' { "images" :\t[ 0  ,\r\n 1  ] } '),
        (b'{"result":{"images":["QUJD","REVG"]}}', b'{"result":{"images":[0 ,1 ]}}'),
        (b'{"output":{"a":[{}],"images":["QUJD","REVG"]}}', b'{"output":{"a":[{}],"images":[0 ,1 ]}}'),
        (
            b'{"response":{"images":["QUJD"]},"images":["REVG"]}',
            b'{"response":{"images":[0 ]},"images":[1 ]}',
        ),
        (b'{"images":["QUJD"],"images":["REVG"]}', b'{"images":[0 ],"images":[1 ]}'),
        (b'{"images":["QUJD",null,"","REVG"]}', b'{"images":[0 ,null,"",1 ]}'),
        (rb'{"im\u0061ges":["QUJD","REVG"]}', rb'{"im\u0061ges":[0 ,1 ]}'),
        (rb'{"r\u0065sult":{"\u0069mages":["QUJD","REVG"]}}', rb'{"r\u0065sult":{"\u0069mages":[0 ,1 ]}}'),
        (BOM + b'{"images":["QUJD","REVG"]}', b'{"images":[0 ,1 ]}'),
        (rb'{"x":"\\","images":["QUJD","REVG"]}', rb'{"x":"\\","images":[0 ,1 ]}'),
        (rb'{"x":"a\"","images":["QUJD","REVG"]}', rb'{"x":"a\"","images":[0 ,1 ]}'),
        (rb'{"x":"\"","images":["QUJD","REVG"]}', rb'{"x":"\"","images":[0 ,1 ]}'),
        (rb'{"x":"\\\"\\","images":["QUJD","REVG"]}', rb'{"x":"\\\"\\","images":[0 ,1 ]}'),
        (
            b'{"' + ESCAPED_RESPONSE + b'":{"images":["QUJD","REVG"]}}',
            b'{"' + ESCAPED_RESPONSE + b'":{"images":[0 ,1 ]}}',
        ),
    ],
)
def test_images_go_to_sinks_and_leave_their_index(document: bytes, skeleton: bytes, size: int) -> None:
    found, ropes = scan(document, size)
    assert found == skeleton
    assert [b"".join(rope.pieces) for rope in ropes] == [b"ABC", b"DEF"]
    assert all(rope.closed for rope in ropes)


@pytest.mark.parametrize(
    "document",
    [
        b'{"meta":{"images":["QUJD"]}}',
        b'{"meta":{"a":{},"images":["QUJD"]}}',
        b'{"images":{"images":["QUJD"]}}',
        b'{"result":{"result":{"images":["QUJD"]}}}',
        b'{"result":[{"images":["QUJD"]}]}',
        b'{"result":["images",["QUJD"]]}',
        b'[{"images":["QUJD"]}]',
        b'["images",["QUJD"]]',
        b'{"images":"QUJD"}',
        b'{"images":null,"other":["QUJD"]}',
        b'{"images":[],"other":["QUJD"]}',
        b'{"x":"images","y":["QUJD"]}',
        rb'{"x":"\"images\":[\"QUJD\"]","\\":"\\\"","y\\\\":["QUJD"]}',
        '{"é":"\\ud83d\\ude00","images\\u00e9":["QUJD"],"Images":["QUJD"]}'.encode(),
        b'{"' + rb"\u0069" * 9 + b'":["QUJD"]}',
        b'{"' + ESCAPED_RESPONSE + b'x":{"images":["QUJD"]}}',
        b"12",
        b'"images"',
    ],
)
def test_everything_else_stays_as_it_is(document: bytes, size: int) -> None:
    assert scan(document, size) == (document, [])


@pytest.mark.parametrize(
    ("spelled", "expected"),
    [
        ('"QQ=="', b"A"),
        ('"QUI="', b"AB"),
        (r'"\/9j\/"', b"\xff\xd8\xff"),
        (r'"\u002b\u002B\u002f\/"', b"\xfb\xef\xff"),
        (r'"Q\u0051\u003d\u003D"', b"A"),
        (r'" Q U\nJ\r\tD\f\u000b\u0020\n"', b"ABC"),
        (r'"QQ\n=\r= "', b"A"),
        (f'"data:image/png;base64,{TEXT}"', PIXELS),
        ('"data:;base64,QUJD"', b"ABC"),
        (r'"data:image\/png;name=\/a b;base64, QUJD"', b"ABC"),
        (r'"d\u0061ta\u003aimage\/png;base64\u002cQUJD"', b"ABC"),
        ('"dataQUJD"', b"u\xabZABC"),
        ('"data"', b"u\xabZ"),
        (r'"\n' + r"\n".join(TEXT[at : at + 76] for at in range(0, len(TEXT), 76)) + '"', PIXELS),
        ('"' + TEXT.replace("/", r"\/").replace("+", r"\u002B") + '"', PIXELS),
    ],
)
def test_an_image_may_be_spelled_in_many_ways(spelled: str, expected: bytes, size: int) -> None:
    assert images(answer(spelled), size) == [expected]
    assert decode_image(json.loads(spelled)) == expected
    assert decode_image(json.loads(spelled).encode()) == expected


@pytest.mark.parametrize("spelled", ['""', '"  "', r'"\n"', '"data:image/png;base64,"'])
def test_an_image_without_data_stays_empty_and_opens_no_sink(spelled: str, size: int) -> None:
    assert scan(answer(spelled, '"QUJD"'), size)[0] == b'{"images":["",0 ]}'
    assert decode_image(json.loads(spelled)) == b""


def test_no_sink_is_opened_before_the_prefix_is_past() -> None:
    opened: list[int] = []

    def new_sink(index: int) -> Rope:
        opened.append(index)
        return Rope()

    scanner = AnswerScanner(new_sink)
    scanner.feed(b'{"images":["data:image/png;base64')
    scanner.feed(b",QU")
    assert opened == []
    scanner.feed(b"JD")
    assert opened == [0]


def test_other_buffers_are_taken_too() -> None:
    document = answer('"QUJD"')
    for chunk in (bytearray(document), memoryview(document), memoryview(document * 2)[: len(document)]):
        rope = Rope()
        scanner = AnswerScanner(lambda _, rope=rope: rope)  # type: ignore[misc]  # mypy cannot infer the default
        scanner.feed(chunk)
        scanner.feed(b"")
        assert scanner.close() == b'{"images":[0 ]}'
        assert rope.pieces == [b"ABC"]


# What is refused, and where.


@pytest.mark.parametrize(
    ("spelled", "got", "place"),
    [
        ('"QUJ-"', "b'-'", 4),
        ('"QUJD-"', "b'-'", 5),
        ('"QUJDQUJDQUJD\x7f"', r"b'\x7f'", 13),
        ('"QUJDQUJDQUJDQU-D"', "b'-'", 15),
        ('"QU\xc3"', r"b'\xc3'", 3),
        ('"QUJD\nQUJD"', r"b'\n'", 5),
        (r'"QU\u00e9D"', r"b'\\'", 3),
        (r'"QU\\JD"', r"b'\\'", 3),
        (r'"mg=\r=\\t"', r"b'\\'", 7),
        (r'"QUJD\bQUJD"', r"b'\\'", 5),
        (r'"QUJD\xQUJD"', r"b'\\'", 5),
        (r'"QUJD\u00G0"', r"b'\\'", 5),
        (r'"QU\ud83dJD"', r"b'\\'", 3),
        ('"=QUJ"', "b'='", 1),
        ('"Q==="', "b'='", 2),
        ('"Q U==="', "b'='", 6),
        ('"QQ=A"', "b'A'", 4),
        ('"QQ==QUJD"', "b'Q'", 5),
        ('"QUJDQQ==QUJD"', "b'Q'", 9),
        (r'"QQ==\n=QJD"', "b'='", 7),
        ('"QUJD="', "b'='", 5),
        ('"QUJ"', "its end after b'QUJ'", 4),
        ('"QUJDQQ="', "its end after b'QQ='", 8),
        (r'"QUJD\"', r"its end after b'\\'", 6),
        ('"data:image/png,QUJD"', "b':'", 5),
        ('"data:text/plain;base64;x,QUJD"', "b':'", 5),
        (r'"data:\"a\";base64,QUJD"', "b':'", 5),
        ('"data:' + "x" * 88 + ';base64,QUJD"', "b':'", 5),
        ('"data:' + "x" * 1000 + '"', "b':'", 5),
        ('"data:;base64,data:;base64,QUJD"', "b':'", 18),
        ("7", "a value that begins with b'7'", 0),
        ('{"url":"x"}', "a value that begins with b'{'", 0),
        ('["QUJD"]', "a value that begins with b'['", 0),
        ("true", "a value that begins with b't'", 0),
        ("}", "a value that begins with b'}'", 0),
    ],
)
def test_a_wrong_image_says_which_and_where(spelled: str, got: str, place: int, size: int) -> None:
    document = b'{"images":["QUJD",' + spelled.encode("latin-1") + b"]}"
    error = failure(document, size)
    assert error.reason == f"expected base64 text in image 1, got {got}"
    assert error.offset == len('{"images":["QUJD",') + place


@pytest.mark.parametrize(
    ("document", "offset", "reason"),
    [
        (b"", 0, "truncated"),
        (b" \n", 2, "truncated"),
        (BOM, 3, "truncated"),
        (b'{"a":1', 6, "truncated"),
        (b'{"a":"b', 7, "truncated"),
        (b'{"a":"b\\', 8, "truncated"),
        (b'{"images":["QUJD"', 17, "truncated"),
        (b'{"images":["QUJD', 16, "rest of image 0"),
        (b'{"images":["', 12, "rest of image 0"),
        (b'{"images":["QUJD","dat', 22, "rest of image 1"),
        (b'{"images":["QUJD"]} x', 21, "trailing characters"),  # msgspec counts the byte that it has read
        (b'{"images":["QUJD"]}{', 20, "trailing characters"),
        (b'{"images":["QUJD"],}', 19, "trailing comma"),
        (BOM + b'{"images":["QUJD","REVG"],}', 29, "trailing comma"),
        (b'{"images":["QUJD",]}', 18, "trailing comma"),
        (b'{"images":["QUJD""REVG"]}', 17, "expected ',' or ']'"),
        (b'{"images":["QUJD"null]}', 17, "expected ',' or ']'"),
        (b'{"images":[nul]}', 12, "invalid character"),
        (b'{"images":["QUJD"],"a":NaN}', 23, "invalid character"),
        (b'{"a":Infinity}', 5, "invalid character"),
        (b'{"a":"\n"}', 6, "invalid character"),
        (b'{"a":"\xff"}', 6, "UTF-8"),
        (b'{"images":["QUJD"],"a\xed\xa0\x80":1}', 21, "UTF-8"),
        (b"]", 0, "invalid character"),
        (b":", 0, "invalid character"),
        (b'"\\x"', 2, "invalid escape"),
    ],
)
def test_what_is_no_json_says_where(document: bytes, offset: int, reason: str, size: int) -> None:
    error = failure(document, size)
    assert reason in error.reason
    assert error.offset == offset


def test_each_image_has_the_next_index(size: int) -> None:
    found, ropes = scan(answer('"QUJD"', '"QUJE"', '"QUJF"', '"QUJG"'), size)
    assert found == b'{"images":[0 ,1 ,2 ,3 ]}'
    assert [b"".join(rope.pieces) for rope in ropes] == [b"ABC", b"ABD", b"ABE", b"ABF"]


def test_faults_of_the_skeleton_read_like_a_sentence() -> None:
    assert failure(b'{"images":["QU').reason == "expected the rest of image 0, got the end of the answer"
    assert failure(b'{"a":"\xff"}').reason == "expected UTF-8, got an invalid start byte"
    assert failure(b'{"a":1,}').reason == "expected well-formed JSON, got 'trailing comma in object'"


def test_every_truncation_is_refused() -> None:
    document = b'{"a":[1,"\\""],"result":{"images":["data:x;base64,QU\\u003dD","QQ=="]}}'.replace(
        b"\\u003d", b"\\u004a"
    )
    assert images(document) == [b"ABC", b"A"]
    for end in range(len(document)):
        failure(document[:end], 7)


def test_nesting_ends_at_512(size: int) -> None:
    document = b"[" * 512 + b"]" * 512
    assert scan(document, size)[0] == document
    error = failure(b"[" + document + b"]", size)
    assert (error.reason, error.offset) == ("expected at most 512 levels of nesting, got more", 512)


def test_limits(size: int) -> None:
    document = b'{"images":["QUJDREVG"],"x":"' + b"y" * 100 + b'"}'
    scan(document, size, max_skeleton=len(document) - 8, max_image=6)
    error = failure(document, size, max_skeleton=100)
    assert error.reason == "expected at most 100 bytes beside the images, got more"
    assert error.offset == 108  # the index and its blank take the place of 10 bytes
    for text in ("QUJDREVG", r"QUJDREV\u0047"):
        error = failure(document.replace(b"QUJDREVG", text.encode()), size, max_image=5)
        assert error.reason == "expected at most 5 bytes in image 0, got more"
        assert error.offset is not None
        assert 12 <= error.offset < 26


def test_after_an_error_the_scanner_is_broken() -> None:
    scanner = AnswerScanner(lambda _: Rope())
    with pytest.raises(DecodeError) as first:
        scanner.feed(answer('"-"'))
    for call in (lambda: scanner.feed(b""), scanner.close):
        with pytest.raises(DecodeError) as again:
            call()
        assert again.value.args == first.value.args
    assert pickle.loads(pickle.dumps(first.value)).args == first.value.args


def test_after_a_failed_sink_the_scanner_is_broken() -> None:
    class Full(Rope):
        def write(self, data: bytes, /) -> None:
            raise OSError(28, "No space left on device")

    scanner = AnswerScanner(lambda _: Full())
    with pytest.raises(OSError, match="No space"):
        scanner.feed(answer('"QUJD"'))
    with pytest.raises(DecodeError) as caught:
        scanner.close()
    assert caught.value.args == ("a sink failed", 0)


@pytest.mark.parametrize(
    ("text", "got", "offset"),
    [
        ("QUJ-", "'-'", 3),
        ("QU J\\", r"'\\'", 4),
        ("QUé=", "'é'", 2),
        ("QQ==\nQUJD", "'Q'", 5),
        ("data:x;base64,Q-", "'-'", 15),
        ("QUJ", "its end inside a group of four", 3),
        (b"\xff", r"b'\xff'", 0),
    ],
)
def test_decode_image_says_what_is_wrong(text: str | bytes, got: str, offset: int) -> None:
    with pytest.raises(DecodeError) as caught:
        decode_image(text, index=3)
    assert caught.value.args == (f"expected base64 text in image 3, got {got}", offset)
    with pytest.raises(DecodeError, match="in image 0, got"):
        decode_image(text)


# What it costs.


@pytest.mark.parametrize("size", [7, 64, 10**6])
def test_plain_text_is_decoded_where_it_lies(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The slow path sees only what is left at an image's end, which is nothing."""
    spelled: list[bytes] = []
    real = AnswerScanner._take_spelled

    def noted(scanner: AnswerScanner, raw: bytes, at: int) -> None:
        spelled.append(raw)
        real(scanner, raw, at)

    monkeypatch.setattr(AnswerScanner, "_take_spelled", noted)
    assert images(answer(f'"{TEXT}"'), size) == [PIXELS]
    assert set(spelled) == {b""}


def test_memory_holds_less_than_two_chunks() -> None:
    chunk = TEXT.encode() * 256
    scanner = AnswerScanner(lambda _: Discard())
    scanner.feed(b'{"images":["Q')
    tracemalloc.start()
    try:
        for _ in range(10):
            scanner.feed(chunk)
        assert tracemalloc.get_traced_memory()[1] < 2 * len(chunk)
    finally:
        tracemalloc.stop()


class Discard:
    def write(self, data: bytes, /) -> None: ...
    def close(self) -> None: ...


def test_a_scanner_is_freed_without_a_collection() -> None:
    scanner = AnswerScanner(lambda _: Rope())
    scanner.feed(answer('"QUJD"'))
    gone = weakref.ref(scanner)
    gc.disable()
    try:
        del scanner
        assert gone() is None
    finally:
        gc.enable()


# Any document, any cuts.

KEYS = st.sampled_from(["images", "result", "output", "response", "meta", "é", 'a"b\\', ""])
STRINGS = st.sampled_from(['"images":["QQ=="]', "images", "[{", '\\"', "\\", "😀", "QQ=="]) | st.text(max_size=4)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(-1e6, 1e6) | STRINGS


@st.composite
def image_texts(draw: st.DrawFn) -> str | None:
    text = base64.b64encode(draw(st.binary(max_size=40))).decode()
    for _ in range(draw(st.sampled_from([0, 0, 3]))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.sampled_from(" \n\t\r\f\v")) + text[at:]
    prefix = draw(st.sampled_from(["", "", "data:image/png;base64,"]))
    return draw(st.sampled_from([prefix + text, prefix + text, prefix + text, None]))


IMAGES = st.lists(image_texts(), max_size=3)
VALUES = st.recursive(
    SCALARS | IMAGES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner | IMAGES, max_size=3),
    max_leaves=6,
)
ANSWERS = st.dictionaries(KEYS, VALUES | IMAGES | st.fixed_dictionaries({"images": IMAGES}), max_size=4)
SPELLINGS = [("/", "\\/"), ("images", "im\\u0061ges"), ("=", "\\u003D"), ("A", "\\u0041"), ("d", "\\u0064")]
DUPLICATES = [("meta", "images"), ("output", "result"), ("response", "images")]


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    value: Any = draw(ANSWERS | ANSWERS | VALUES)
    text = json.dumps(
        value,
        ensure_ascii=draw(st.booleans()),
        indent=draw(st.sampled_from([None, 1])),
        separators=draw(st.sampled_from([None, (",", ":"), (" ,\n", "\t:\r ")])),
    )
    for plain, spelled in draw(st.lists(st.sampled_from(SPELLINGS + DUPLICATES), max_size=2)):
        text = text.replace(plain, spelled)
    return draw(st.sampled_from([b"", b"", BOM])) + text.encode()


@st.composite
def damaged_documents(draw: st.DrawFn) -> bytes:
    document = bytearray(draw(documents()))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(document)))
        inserted = draw(st.sampled_from([bytes([byte]) for byte in b'"\\[]{}:,=A/ \n\x00\xff0nu-']) | st.just(b""))
        document[at : at + draw(st.sampled_from([0, 1, 1, 2, 1000]))] = inserted
    return bytes(document)


def cut(document: bytes, sizes: list[int]) -> Iterator[bytes]:
    at = 0
    while at < len(document):
        for size in sizes:
            yield document[at : at + size]
            at += size


CUTS = st.lists(st.integers(1, 40), min_size=1, max_size=6)


@settings(max_examples=150, deadline=None)
@given(documents(), CUTS)
def test_any_document_reads_as_json_and_base64_read_it(document: bytes, sizes: list[int]) -> None:
    try:
        expected = read_plainly(document)
    except Refused:  # for example an array "images" of numbers, which is a list elsewhere
        with pytest.raises(DecodeError):
            read_by_scanner(cut(document, sizes))
    else:
        assert read_by_scanner(cut(document, sizes)) == expected


@settings(max_examples=250, deadline=None)
@given(damaged_documents(), CUTS)
def test_a_damaged_document_is_refused_as_json_and_base64_refuse_it(document: bytes, sizes: list[int]) -> None:
    try:
        expected = read_plainly(document)
    except Refused:
        with pytest.raises(DecodeError) as caught:
            read_by_scanner(cut(document, sizes))
        assert caught.value.offset is not None
        assert 0 <= caught.value.offset <= len(document)
    else:
        assert read_by_scanner(cut(document, sizes)) == expected


@settings(max_examples=100, deadline=None)
@given(damaged_documents(), CUTS)
def test_an_error_does_not_depend_on_the_cuts(document: bytes, sizes: list[int]) -> None:
    outcomes = [_outcome([document]), _outcome(cut(document, sizes))]
    if not any("the rest of image" in str(outcome) for outcome in outcomes):  # a wrong end may be seen first
        assert outcomes[0] == outcomes[1]


def _outcome(chunks: list[bytes] | Iterator[bytes]) -> Any:
    try:
        return read_by_scanner(chunks)
    except DecodeError as error:
        return error.args


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=20) | image_texts().filter(bool))
def test_decode_image_equals_the_scanner(text: str) -> None:
    try:
        expected = images(b'{"images":[' + json.dumps(text).encode() + b"]}", 1000)
    except DecodeError:
        with pytest.raises(DecodeError):
            decode_image(text)
    else:
        assert [decode_image(text)] == (expected or [b""])
