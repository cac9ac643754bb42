"""What the service does, says and forgets."""

from functools import partial

from ..row import make_row

ANSWERS = "tests/transport/test_answers.py"
BATCHES = "tests/faults/test_service_batches.py"
BODIES = "tests/faults/test_service_bodies.py"
DOWNLOADS = "tests/media/test_downloads.py"
JOBS = "tests/faults/test_service_jobs.py"
MONEY = "tests/transport/test_money.py"
OUTCOMES = "tests/batch/test_outcomes.py"
PROFILES = "tests/faults/test_service_profiles.py"
RESUME = "tests/ledger/test_resume.py"
STATUSES = "tests/faults/test_service_statuses.py"
WATCH = "tests/test_watch.py"

row = partial(make_row, "service")

ROWS = (
    # Statuses and bodies
    row(
        "status",
        "every status, known and strange, on every route, with ten kinds of bodies",
        "the class, the cost and the number of attempts are those of the contract and the law on retries",
        f"{STATUSES}::test_a_status",
        known=(24,),
    ),
    row(
        "moderation",
        "the content is refused, in any of the shapes that say so",
        "ContentModerationError: once, not charged",
        f"{STATUSES}::test_content_that_is_refused",
    ),
    row(
        "no-answer",
        "a 200 whose body is no answer: other JSON, half of it, no text, too deep, too large numbers",
        "a value that makes sense or an error of ours; a purchase is sent once and may have been charged",
        f"{BODIES}::test_a_body_that_is_no_answer",
        known=(33,),
    ),
    row(
        "wrong-field",
        "one field of an answer is of the wrong kind, for every field and kind",
        "as above",
        f"{BODIES}::test_a_field_of_the_wrong_kind",
        known=(33,),
    ),
    row(
        "job-instead",
        "a held call is answered with a job",
        "it is followed: it is paid for",
        f"{BODIES}::test_a_held_call_that_becomes_a_job_is_followed",
        f"{ANSWERS}::test_a_job_in_every_shape",
    ),
    row(
        "base64",
        "base64 that is none",
        "DecodeError; it may have been charged, and is not bought again",
        f"{ANSWERS}::test_a_paid_answer_that_makes_no_sense_may_have_been_charged",
        known=(11,),
    ),
    row(
        "picture-that-is-none",
        "a profile's picture is HTML, JSON or nothing",
        "DecodeError, free",
        f"{ANSWERS}::test_a_profile_picture_that_is_none",
        known=(11,),
    ),
    # Jobs
    row(
        "job-passing",
        "a job vanishes and comes back, flaps, says unknown words or none, fails to answer, has another name",
        "its result arrives, bought once",
        f"{JOBS}::test_what_passes_is_survived",
        f"{WATCH}::test_a_404_is_believed_when_it_is_confirmed",
        known=(31, 32, 33),
    ),
    row(
        "job-without-result",
        "a job vanishes for good, fails or never ends",
        "an error that knows the job and says that it may have been charged; what goes on can be waited for",
        f"{JOBS}::test_a_bought_job_that_brings_nothing_may_have_been_charged",
        known=(31,),
    ),
    row(
        "job-vanished-in-a-batch",
        "a batch's job is not known any more",
        "asked for again with the same id while that is safe, and unknown otherwise",
        f"{RESUME}::test_a_job_that_vanished_is_asked_for_with_the_same_id",
        f"{RESUME}::test_a_job_that_vanished_for_good_is_unknown",
        f"{RESUME}::test_an_old_job_that_vanished_is_not_sent_again",
        known=(31,),
    ),
    row(
        "job-without-links",
        "a job ends well and has no pictures",
        "a result without pictures; a batch's item has failed, and the next run asks its job and buys nothing",
        f"{JOBS}::test_a_job_that_ends_without_links_is_over",
        f"{BATCHES}::test_an_item_without_pictures_is_not_done_and_its_job_is_asked_again",
    ),
    row(
        "job-id",
        "a job's id has slashes, dots, blanks, line ends or 10 KB",
        "one segment of the path; where it cannot be, an error that says what was bought",
        f"{JOBS}::test_a_job_whose_id_is_strange",
    ),
    row(
        "job-renamed",
        "a job calls itself by another id than the one that led to it",
        "the one that led there goes on leading there",
        f"{JOBS}::test_a_job_that_calls_itself_otherwise_gives_new_links_all_the_same",
    ),
    row(
        "polls-at-once",
        "many wait after a restart",
        "their first looks are scattered, and paid calls go before them",
        "tests/watch/test_poller.py::test_first_looks_at_many_are_scattered_over_no_more_than_an_interval",
        "tests/transport/test_deadlines.py::test_polls_never_go_before_a_paid_call",
        known=(57,),
    ),
    # Links
    row(
        "link-expired",
        "a link expires between the look and the download, or while it lies around",
        "the job gives a new one, for nothing",
        f"{JOBS}::test_a_link_that_expires_between_the_look_and_the_download",
        f"{DOWNLOADS}::test_a_link_that_expired_while_it_lay_around",
        f"{RESUME}::test_expired_links_are_renewed_through_the_job",
        known=(30,),
    ),
    row(
        "link-to-something-else",
        "a link leads to a page, an error, half a picture, too large a one, or elsewhere",
        "DownloadError; no file, no second purchase, and the job still has the picture",
        f"{JOBS}::test_a_link_that_leads_to_something_else",
    ),
    row(
        "no-link",
        "what should be a link is a path, a script, a number beyond all ports or 10 KB",
        "DownloadError without a request; the result comes with it",
        f"{JOBS}::test_a_link_that_is_none",
    ),
    row(
        "link-elsewhere",
        "a link leads to another origin",
        "followed without the key",
        f"{JOBS}::test_a_link_to_another_origin_gets_no_key",
    ),
    # Profiles
    row(
        "inactive",
        "a profile goes INACTIVE or ERROR: at once, while it trains, after faults and unknown words",
        "TrainingError for who waits, a last change for who watches",
        f"{PROFILES}::test_a_profile_that_goes_inactive",
        f"{PROFILES}::test_a_profile_that_was_ready_and_goes_inactive",
    ),
    row(
        "id",
        "ids with slashes, dots, Unicode, line ends, NULs, 1 KB",
        "one segment of the path, letter for letter; 404 is NotFoundError",
        f"{PROFILES}::test_an_id_is_one_segment_of_the_path_as_it_is",
        f"{PROFILES}::test_an_id_that_is_not_there",
    ),
    row(
        "no-id",
        "what is given as an id is empty, a dot, 10 KB or no text",
        "InputError, and nothing is sent",
        f"{PROFILES}::test_what_cannot_be_an_id_is_not_sent",
    ),
    row(
        "profile-lost",
        "the answer to a creation is lost",
        "never sent again: found under its tag where that is certain",
        "tests/test_creating.py::test_the_profile_that_was_made_is_found",
        "tests/test_creating.py::test_nothing_new_proves_nothing",
    ),
    # Batches
    row(
        "batch-fault",
        "every other request of a batch meets the same fault",
        "each item is paid once; what is paid lies on the disk after a quiet run, or is said to be unknown",
        f"{BATCHES}::test_every_item_meets_a_fault",
        f"{BATCHES}::test_a_batch_whose_answers_end_at_any_byte",
        known=(51,),
    ),
    row(
        "batch-storm",
        "a third of all requests meets some fault, through three runs",
        "as above",
        f"{BATCHES}::test_storms",
        f"{OUTCOMES}::test_a_service_that_is_busy_pauses_everybody_and_fails_nobody",
        f"{MONEY}::test_an_empty_budget_ends_retries",
        known=(17,),
    ),
    row(
        "batch-stopped",
        "the key is revoked or the balance ends in the middle of a batch",
        "nothing further is begun, what is paid arrives, and the next run goes on where it stopped",
        f"{BATCHES}::test_a_key_that_is_revoked_or_a_balance_that_ends_in_the_middle",
        f"{OUTCOMES}::test_a_refused_key_or_an_empty_balance_begins_no_further_item",
        known=(22, 23),
    ),
    row(
        "batch-refused-item",
        "one item is refused",
        "it alone fails",
        f"{BATCHES}::test_one_item_that_is_refused_takes_no_other_along",
        f"{OUTCOMES}::test_one_bad_item_does_not_stop_the_others",
        known=(24,),
    ),
    row(
        "id-taken",
        "an id stands for another request",
        "ConflictError; the id is never changed in silence, and a batch calls the item unknown",
        f"{MONEY}::test_a_final_status_after_a_lost_answer_says_that_a_job_may_be_bought",
        f"{RESUME}::test_an_id_that_stands_for_something_else_is_unknown",
        known=(52,),
    ),
    row(
        "key-rotated",
        "the key changes while calls are under way",
        "a callable is asked once more after a 401; a fixed key is not tried again",
        f"{MONEY}::test_a_new_key_is_asked_for_once_after_a_401",
        f"{MONEY}::test_a_key_that_stays_wrong_is_asked_for_twice",
        f"{MONEY}::test_a_fixed_key_is_not_tried_again",
        known=(53,),
    ),
)
