"""What the network does to a call."""

from ..row import Row

MONEY = "tests/transport/test_money.py"
NETWORK = "tests/transport/test_network.py"
ANSWERS = "tests/transport/test_answers.py"
UPLOADS = "tests/transport/test_uploads.py"
DEADLINES = "tests/transport/test_deadlines.py"
POOLS = "tests/transport/test_pools.py"
KEY = "tests/transport/test_key.py"
DOWNLOADS = "tests/media/test_downloads.py"
RETRY = "tests/test_retry.py"


def row(name: str, what: str, must: str, *tests: str, known: tuple[int, ...] = ()) -> Row:
    return Row(id=f"network.{name}", what=what, must=must, layer="network", tests=tests, known=known)


ROWS = (
    row(
        "dns",
        "the host's name resolves to nothing",
        "ConnectError after five attempts of any call, not charged",
        f"{MONEY}::test_an_unknown_host_is_tried_again",
        known=(1,),
    ),
    row(
        "host-that-no-dns-takes",
        "the host's name is none",
        "ConfigError at once, not charged",
        f"{NETWORK}::test_a_host_that_no_network_knows_is_a_setting_that_is_wrong",
        known=(1,),
    ),
    row(
        "refused",
        "nobody listens",
        "ConnectError after five attempts, not charged; sent once when somebody does",
        f"{MONEY}::test_a_refused_connection_is_tried_again_by_every_call",
        f"{MONEY}::test_every_call_is_sent_once_the_service_can_be_reached",
        f"{DOWNLOADS}::test_a_storage_that_is_not_there",
        known=(2,),
    ),
    row(
        "certificate",
        "the certificate is of another host, of an unknown authority, or expired",
        "ConnectError at once: never sent, never again, never without TLS",
        f"{NETWORK}::test_a_wrong_certificate_is_the_last_word",
        known=(3,),
    ),
    row(
        "no-tls",
        "the port speaks no TLS, or something else",
        "ConnectError, not charged",
        f"{NETWORK}::test_a_port_without_tls",
        f"{NETWORK}::test_a_port_that_answers_tls_in_plain_text",
        known=(3,),
    ),
    row(
        "no-connection-in-time",
        "TCP comes about and TLS does not, or no place is free in time",
        "ConnectError or DeadlineError: not sent, not charged",
        f"{MONEY}::test_a_connection_that_is_never_made_is_not_sent",
        f"{DEADLINES}::test_a_call_that_gets_no_place_in_time_was_not_sent",
        known=(4,),
    ),
    row(
        "reset-while-sending",
        "the connection is reset within the photos of a request",
        "a synchronous call is lost and not sent again; a job is, with its id and its photos from their beginning",
        f"{UPLOADS}::test_an_upload_that_breaks_is_lost",
        f"{UPLOADS}::test_an_upload_as_a_job_that_breaks_is_sent_again",
        known=(5,),
    ),
    row(
        "reset-before-the-answer",
        "the connection ends after the request and before any answer",
        "what is free or has an id is sent again; a synchronous purchase or creation never: ResponseLostError",
        f"{MONEY}::test_the_law",
        known=(6,),
    ),
    row(
        "kept-connection-closed",
        "a kept connection is closed or reset under a call",
        "nothing is bought twice",
        f"{POOLS}::test_a_paid_call_goes_on_a_new_connection_when_the_kept_one_is_old",
        f"{POOLS}::test_a_kept_connection_that_the_service_closes_costs_no_purchase",
        f"{POOLS}::test_a_kept_connection_that_breaks_under_a_paid_call_is_not_used_again",
        known=(8,),
    ),
    row(
        "answer-cut",
        "an answer ends too soon, whatever wraps it: with a length, in chunks, packed, or with neither",
        "never taken for a whole one: a purchase is lost, a job or a free call is asked for again",
        f"{ANSWERS}::test_a_paid_answer_that_is_cut_off_is_lost_and_not_bought_again",
        f"{ANSWERS}::test_a_job_whose_handle_cannot_be_read_is_asked_for_again_with_its_id",
        f"{ANSWERS}::test_a_free_answer_that_cannot_be_read_is_asked_for_again",
        known=(7, 9, 10),
    ),
    row(
        "wrong-type",
        "a 200 that holds HTML, text, a picture or nothing",
        "DecodeError; a purchase may have been charged",
        f"{ANSWERS}::test_a_paid_answer_that_makes_no_sense_may_have_been_charged",
        f"{DOWNLOADS}::test_what_is_no_picture_is_refused_at_once",
        known=(12,),
    ),
    row(
        "html-error",
        "a gateway's HTML page or an endless body with an error status",
        "the status decides; a bounded piece is read, and a shorter one shown",
        f"{MONEY}::test_the_law",
        f"{ANSWERS}::test_an_error_of_endless_length_is_cut",
        known=(13,),
    ),
    row(
        "retry-after",
        "429 or 503, with seconds, a date, garbage or nothing as Retry-After",
        "waited for as asked, garbage and negatives ignored; a wait beyond the deadline is an error at once",
        f"{RETRY}::test_retry_after",
        f"{RETRY}::test_garbage_asks_for_nothing",
        f"{RETRY}::test_retry_after_is_honoured_with_a_little_jitter",
        f"{DEADLINES}::test_a_wait_that_would_pass_the_deadline_raises_the_last_error_at_once",
        f"{DEADLINES}::test_a_pause_longer_than_the_deadline_is_told_at_once",
        known=(14, 15, 16),
    ),
    row(
        "silence",
        "an answer does not come, or drips",
        "the deadline ends it",
        f"{MONEY}::test_the_law",
        f"{DOWNLOADS}::test_a_drip_is_ended_by_the_deadline",
        known=(18,),
    ),
    row(
        "endless",
        "a body without end, or one that is longer than it may be",
        "refused at the limit, memory bounded",
        f"{ANSWERS}::test_an_answer_without_an_end_is_refused",
        f"{ANSWERS}::test_an_answer_beyond_its_limit_is_refused",
        f"{ANSWERS}::test_a_length_that_never_comes_is_believed_only_as_far_as_it_comes",
        known=(19,),
    ),
    row(
        "bomb",
        "64 KB that unpack to 64 MB",
        "refused at the limit, memory bounded",
        f"{ANSWERS}::test_a_bomb_takes_little_memory",
        known=(20,),
    ),
    row(
        "no-http",
        "what answers does not speak HTTP",
        "a purchase is lost, what is free or has an id is asked for again",
        f"{ANSWERS}::test_a_paid_answer_that_is_cut_off_is_lost_and_not_bought_again",
        known=(21,),
    ),
    row(
        "redirect",
        "a call is redirected, to the service's own origin or another",
        "not followed: neither the key nor a photo goes anywhere else",
        f"{KEY}::test_no_call_follows_a_redirect",
        known=(34,),
    ),
    row(
        "redirected-download",
        "a download is redirected: once, in a circle, to no link",
        "three times at most, each looked at, without the key",
        f"{DOWNLOADS}::test_a_redirect_is_followed",
        f"{DOWNLOADS}::test_a_circle_of_redirects_comes_to_an_end",
        f"{DOWNLOADS}::test_a_redirect_to_no_link_is_refused",
        f"{KEY}::test_downloads_never_carry_the_key",
        known=(35,),
    ),
    row(
        "private-address",
        "a link, a redirect or a name leads into a private network",
        "DownloadError without a request, in every spelling of the address",
        f"{DOWNLOADS}::test_a_private_address_is_refused_in_every_spelling",
        f"{DOWNLOADS}::test_a_name_of_a_private_address_is_refused",
        f"{DOWNLOADS}::test_a_redirect_to_a_private_address_is_refused",
        known=(36,),
    ),
    row(
        "proxy",
        "a proxy is set, refuses, is not there, or stands in the environment only",
        "used when it is set, never taken from outside; its refusal means that nothing was sent",
        f"{POOLS}::test_a_proxy_is_used_when_it_is_set_and_never_taken_from_outside",
        f"{NETWORK}::test_a_proxy_that_refuses_has_sent_nothing",
        f"{NETWORK}::test_a_proxy_that_is_not_there",
        known=(55,),
    ),
)
