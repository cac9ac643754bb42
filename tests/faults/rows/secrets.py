"""What happens to secrets."""

from functools import partial

from ..row import make_row

CALLS = "tests/faults/test_secrets_calls.py"
FILES = "tests/faults/test_secrets_files.py"
OBJECTS = "tests/faults/test_secrets_objects.py"
COMMANDS = "tests/faults/test_secrets_commands.py"
PROGRAMS = "tests/faults/test_secrets_programs.py"
SEARCH = "tests/faults/test_secrets_search.py"

row = partial(make_row, "secrets")

ROWS = (
    row(
        "every-call",
        "a key, a webhook secret, signed links, tags and prompts go through every call",
        "logs (asyncio's debug log too), events, spans, reprs, pickles, files and other origins have none of them",
        f"{CALLS}::test_calls_that_go_well",
        known=(54,),
    ),
    row(
        "every-fault",
        "every call meets every kind of broken answer",
        "neither do errors, their pickles, their tracebacks, plain, with locals and in rich",
        f"{CALLS}::test_calls_that_fail",
    ),
    row(
        "redirect",
        "every call is redirected to another origin",
        "nothing but a picture's bare request gets there",
        f"{CALLS}::test_calls_that_are_sent_elsewhere",
    ),
    row(
        "downloads",
        "a storage fails in every way",
        "it never hears of key or prompt, and its links' queries are told to nobody",
        f"{CALLS}::test_downloads_that_fail",
    ),
    row(
        "given-up",
        "a call is given up while other libraries' frames hold its headers",
        "the key is shown neither in the traceback's locals nor in the frames of the task",
        f"{CALLS}::test_a_call_that_is_given_up",
    ),
    row(
        "cut-off-anywhere",
        "a call is cancelled at any step of the event loop",
        "the key is in no local variable of the traceback",
        f"{CALLS}::test_a_call_that_is_cut_off_at_any_step",
    ),
    row(
        "unusable-key",
        "a key has a line break, is bytes, or comes from a callable that is wrong",
        "a ConfigError that shows nothing of it, locals included",
        f"{CALLS}::test_a_key_that_cannot_be_used",
    ),
    row(
        "unusable-key-in-the-environment",
        "the key in the environment has a line break",
        "a ConfigError that shows nothing of it, locals included",
        f"{CALLS}::test_a_key_in_the_environment_that_cannot_be_used",
    ),
    row(
        "vault",
        "the callable that gives the key fails, with the key in its words",
        "a ConfigError with the kind of the failure only",
        f"{CALLS}::test_a_vault_that_fails_with_the_key_in_its_words",
    ),
    row(
        "forged-callback",
        "callbacks are forged, cut off or no callbacks",
        "a SignatureError that shows neither secret nor body",
        f"{CALLS}::test_a_callback_that_is_forged",
    ),
    row(
        "what-is-kept",
        "objects that keep secrets are looked at while they work",
        "their reprs tell state only",
        f"{OBJECTS}::test_the_poller",
    ),
    row(
        "rich-looks-inside",
        "rich prints a struct field by field, past its repr",
        "every struct that hides a field hides it from rich too",
        f"{OBJECTS}::test_a_struct_that_hides_something_hides_it_from_rich_too",
        f"{OBJECTS}::test_a_struct_with_something_private_hides_it",
    ),
    row(
        "batch",
        "a batch with a ledger works on photos that tell everything",
        "photos leave without places and owners; ledger, its log, locks and part files hold no secret, prompt or place",
        f"{FILES}::test_what_a_batch_sends_and_leaves",
    ),
    row(
        "no-place",
        "results shall have no place either",
        "they have none",
        f"{FILES}::test_without_a_place_there_is_none_in_the_results_either",
    ),
    row(
        "batch-that-fails",
        "a batch's calls and downloads fail",
        "what it leaves holds no secret, prompt or place",
        f"{FILES}::test_what_a_batch_leaves_that_fails",
    ),
    row(
        "records-and-pages",
        "run records and a contact sheet are written, of errors that repeat signed links too",
        "prompts stand in them, for their owner only; keys, links' queries and places do not",
        f"{FILES}::test_what_runs_and_pages_tell",
    ),
    row(
        "killed",
        "a batch is killed, told to stop, or aborts with a dump",
        "dump, ledger, write-ahead log and run folder hold no secret, prompt or place",
        f"{FILES}::test_what_a_killed_batch_leaves",
    ),
    row(
        "commands",
        "the commands run with a key in their environment",
        "it is neither printed nor written",
        f"{PROGRAMS}::test_commands",
    ),
    row(
        "every-verb",
        "every verb runs with a key, a bucket's key, signed links and a prompt, as loud as it can be",
        "they are neither printed, logged nor written, but the key where it is stored; prompts stand in records only",
        f"{COMMANDS}::test_verbs",
        "tests/cli/test_stops.py::test_a_run_of_a_signed_link_is_resumed_by_its_own_command",
    ),
    row(
        "training-journal",
        "a training is left while its photos lie in a bucket",
        "the journal names the uploads; no link that opens them, and no key of the bucket",
        f"{COMMANDS}::test_a_training_that_is_left_keeps_names_and_no_link",
        "tests/training/test_uploaders.py::test_what_a_store_refuses_is_said_without_secrets",
        "tests/training/test_uploaders.py::test_a_command_does_not_see_the_key",
    ),
    row(
        "review-answers",
        "the review's page asks for everything there is, in an environment with a key",
        "no answer, header or pick has the key, the token, or what signs a link",
        f"{COMMANDS}::test_all_answers_of_a_review",
    ),
    row(
        "programs-that-die",
        "a program dies with rich's tracebacks, in a task, by a signal, or dumps its stacks",
        "nothing that it prints or leaves has the key",
        f"{PROGRAMS}::test_programs_that_die",
    ),
    row(
        "control",
        "secrets are planted in every writing and place",
        "the search finds each",
        f"{SEARCH}::test_every_writing_is_found",
        f"{SEARCH}::test_what_is_wrapped_or_cut_is_found",
    ),
)
