"""What random bytes do to whatever reads bytes from outside: only errors of ours come out, soon, in bounded memory.

``tests/fuzz/run.py`` runs the same targets under a fuzzer for as long as it is told.
"""

from functools import partial

from ..row import make_row

FUZZ = "tests/test_fuzz.py"

row = partial(make_row, "fuzzing")

ROWS = (
    row(
        "seeds",
        "answers, errors, callbacks, lists, settings, ledgers, run records, picks and photos are damaged",
        "only errors of ours come out",
        f"{FUZZ}::test_a_target_takes_its_seeds_and_changes_of_them",
    ),
    row(
        "findings",
        "an input that a fuzzer once found comes again",
        "only errors of ours come out",
        f"{FUZZ}::test_what_was_found_stays_mended",
    ),
    row(
        "answers",
        "any bytes, in any pieces, where an answer's body should be; any values in it, any headers beside it",
        "a value or DecodeError, the same that json and base64 come to",
        "tests/test_b64stream.py::test_any_document_reads_as_json_and_base64_read_it",
        "tests/test_b64stream.py::test_a_damaged_document_is_refused_as_json_and_base64_refuse_it",
        "tests/test_answers.py::test_success_bodies_give_values_or_decode_errors",
        "tests/test_answers.py::test_no_body_breaks_an_error",
        "tests/test_retry.py::test_no_header_breaks_the_parser",
    ),
    row(
        "callbacks",
        "any header and any body, where a callback should be",
        "SignatureError",
        "tests/test_webhooks.py::test_no_header_breaks_it",
    ),
    row(
        "photos",
        "photos with changed bytes and moved pieces, and any bytes at all",
        "InputError, or a photo without what is private",
        "tests/photos/test_hostile.py::test_photos_with_changed_bytes",
        "tests/photos/test_hostile.py::test_photos_with_pieces_moved",
        "tests/photos/test_hostile.py::test_any_bytes",
        "tests/photos/test_xmp.py::test_any_bytes_can_be_read",
        "tests/photos/test_exif.py::test_any_bytes_can_be_read",
        "tests/photos/test_heif.py::test_any_boxes_can_be_read",
    ),
    row(
        "names",
        "any text, where a name or a template should be",
        "a name that every system can store, or InputError",
        "tests/collecting/test_photos.py::test_any_name_becomes_a_key_that_every_system_can_store",
        "tests/batch/test_templates.py::test_any_text_is_a_template_or_an_error_of_ours",
    ),
    row(
        "damaged-ledger",
        "a ledger's record has a value that is none",
        "a LedgerError, and nothing is bought on it",
        "tests/ledger/test_damage.py::test_nothing_is_begun_on_a_record_that_is_none",
        "tests/ledger/test_damage.py::test_a_record_that_is_none_is_said_when_it_is_looked_at",
    ),
)
