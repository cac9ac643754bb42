"""What the network does to a call."""

from functools import partial

from ..row import make_row

ANSWERS = "tests/transport/test_answers.py"
CUTS = "tests/faults/test_network_cuts.py"
DEADLINES = "tests/transport/test_deadlines.py"
DOWNLOADS = "tests/media/test_downloads.py"
KEY = "tests/transport/test_key.py"
LIES = "tests/faults/test_network_lies.py"
MONEY = "tests/transport/test_money.py"
NETWORK = "tests/transport/test_network.py"
PLACES = "tests/faults/test_network_places.py"
POOLS = "tests/transport/test_pools.py"
SENDING = "tests/faults/test_network_sending.py"
UNASKED = "tests/faults/test_network_unasked.py"
UPLOADS = "tests/transport/test_uploads.py"
WAITS = "tests/faults/test_network_waits.py"

row = partial(make_row, "network")

ROWS = (
    # Before anything is sent
    row(
        "dns",
        "the host's name leads nowhere: no such name, no answer, no address",
        "ConnectError or DownloadError after five attempts, not charged",
        f"{MONEY}::test_an_unknown_host_is_tried_again",
        f"{PLACES}::test_a_name_that_leads_nowhere",
        known=(1,),
    ),
    row(
        "host-that-no-dns-takes",
        "the host's name is none",
        "ConfigError at once, not charged",
        f"{NETWORK}::test_a_host_that_no_network_knows_is_a_setting_that_is_wrong",
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
        "an error at once, also of a download: never sent, never again, never without TLS",
        f"{NETWORK}::test_a_wrong_certificate_is_the_last_word",
        f"{PLACES}::test_a_certificate_that_proves_nothing",
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
        "ipv6-only",
        "the service has an IPv6 address only",
        "every call works, as over IPv4",
        f"{PLACES}::test_a_service_that_has_an_ipv6_address_only",
    ),
    row(
        "dead-address",
        "one of a name's two addresses is dead",
        "the other one is taken within the same attempt",
        f"{PLACES}::test_a_name_with_two_addresses_of_which_one_is_dead",
    ),
    row(
        "proxy",
        "a proxy is set, is not there, or stands in the environment only",
        "used when it is set, never taken from outside",
        f"{POOLS}::test_a_proxy_is_used_when_it_is_set_and_never_taken_from_outside",
        f"{NETWORK}::test_a_proxy_that_is_not_there",
        known=(55,),
    ),
    row(
        "proxy-without-tunnel",
        "a proxy refuses, redirects, hangs up, says nonsense or nothing, or opens a tunnel to nowhere",
        "nothing was sent and nothing is charged; the key does not go to the proxy",
        f"{NETWORK}::test_a_proxy_that_refuses_has_sent_nothing",
        f"{PLACES}::test_a_proxy_that_makes_no_tunnel_has_sent_nothing",
    ),
    # While it is sent
    row(
        "reset-within-the-head",
        "the connection is reset when it is made, or within the head of the request",
        "what must not be sent twice is not: ResponseLostError where a byte may have left",
        f"{SENDING}::test_a_reset_within_the_head_of_a_request",
    ),
    row(
        "reset-while-sending",
        "the connection is reset within the photos of a request",
        "a synchronous call is lost and not sent again; a job is, with its id and its photos from their beginning",
        f"{SENDING}::test_a_reset_within_the_photos_of_a_request",
        f"{UPLOADS}::test_an_upload_that_breaks_is_lost",
        f"{UPLOADS}::test_an_upload_as_a_job_that_breaks_is_sent_again",
        known=(5,),
    ),
    row(
        "slow-reader",
        "the service takes the photos too slowly",
        "the deadline ends it: a purchase is lost",
        f"{DEADLINES}::test_a_body_that_cannot_be_sent_in_time_is_lost",
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
        "a kept connection is closed or reset between two calls, or at any moment of the second",
        "nothing is bought twice",
        f"{SENDING}::test_a_kept_connection_that_is_closed_under_a_call",
        f"{SENDING}::test_a_kept_connection_that_is_closed_between_two_calls",
        f"{POOLS}::test_a_paid_call_goes_on_a_new_connection_when_the_kept_one_is_old",
        f"{POOLS}::test_a_kept_connection_that_the_service_closes_costs_no_purchase",
        f"{POOLS}::test_a_kept_connection_that_breaks_under_a_paid_call_is_not_used_again",
        known=(8,),
    ),
    row(
        "unasked",
        "something comes on a kept connection that nobody asked for: another answer, a late 408, nonsense",
        "the next call gets its own answer, never somebody else's",
        f"{UNASKED}::test_the_next_call_gets_its_own_answer",
    ),
    # The answer ends too soon
    row(
        "cut-at-any-byte",
        "the connection ends, or is reset, at any byte of an answer, whatever told its length",
        "never taken for a whole one: a purchase is lost, all else is asked for once more and comes whole",
        f"{CUTS}::test_an_answer_that_ends_at_any_byte",
        known=(7, 9),
    ),
    row(
        "cut-in-every-wrapping",
        "a cut answer of a gateway that packs, chunks or gives no length",
        "as above",
        f"{ANSWERS}::test_a_paid_answer_that_is_cut_off_is_lost_and_not_bought_again",
        f"{ANSWERS}::test_a_job_whose_handle_cannot_be_read_is_asked_for_again_with_its_id",
        f"{ANSWERS}::test_a_free_answer_that_cannot_be_read_is_asked_for_again",
        known=(10,),
    ),
    row(
        "broken-download",
        "a download breaks, again and again",
        "it goes on where it broke, if the storage proves that it is the same picture, and begins anew otherwise",
        f"{DOWNLOADS}::test_a_download_goes_on_where_it_broke",
        f"{DOWNLOADS}::test_without_a_strong_tag_a_download_begins_again",
        known=(7,),
    ),
    row(
        "half-a-picture",
        "a download brings all that was promised, and that is half a picture",
        "never under a final name: fetched again, and an error if it stays so",
        f"{DOWNLOADS}::test_half_a_picture_is_never_taken_for_a_whole_one",
        known=(10,),
    ),
    # The answer is no answer
    row(
        "lies",
        "lengths, chunks, headers and status lines that break the rules of HTTP; TLS, SSH or HTTP/2 instead",
        "a right result or an error of ours; the next call is not disturbed",
        f"{LIES}::test_an_answer_that_breaks_the_rules",
        known=(21,),
    ),
    row(
        "no-body",
        "answers that have no body at all, several times",
        "the event loop is never held",
        "tests/media/test_chunks.py::test_answers_without_a_body_hold_nobody",
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
        "endless",
        "heads, status lines, chunks, trailers, bodies and errors without an end; a length of a terabyte",
        "refused at the limit or ended by the deadline, within 8 MB of memory",
        f"{LIES}::test_what_has_no_end_takes_little_memory_and_no_more_time_than_it_may",
        f"{ANSWERS}::test_an_answer_beyond_its_limit_is_refused",
        f"{ANSWERS}::test_a_length_that_never_comes_is_believed_only_as_far_as_it_comes",
        known=(19,),
    ),
    row(
        "bomb",
        "64 KB that unpack to 64 MB",
        "refused at the limit, within 8 MB of memory",
        f"{ANSWERS}::test_a_bomb_takes_little_memory",
        known=(20,),
    ),
    row(
        "html-error",
        "a gateway's page, an endless or a broken body with an error status",
        "the status decides; a bounded piece is read, and a shorter one shown",
        "tests/faults/test_service_statuses.py::test_a_status",
        f"{ANSWERS}::test_an_error_of_endless_length_is_cut",
        f"{ANSWERS}::test_an_error_that_cannot_be_unpacked_keeps_its_status",
        known=(13,),
    ),
    # It takes its time
    row(
        "silence",
        "nothing comes",
        "a limit ends it: a purchase is lost, all else is tried again",
        f"{MONEY}::test_the_law",
        known=(18,),
    ),
    row(
        "drip",
        "the head, the body, chunks or an error come byte by byte",
        "the deadline ends it; an error keeps its status",
        f"{WAITS}::test_an_answer_that_drips_ends_with_the_deadline",
        f"{WAITS}::test_an_error_that_is_never_told_to_its_end_keeps_its_status",
        f"{DOWNLOADS}::test_a_drip_is_ended_by_the_deadline",
        known=(18,),
    ),
    row(
        "retry-after",
        "429 or 503, with seconds, a date, garbage or nothing as Retry-After",
        "waited for as asked; garbage, negatives and what is over ask for nothing",
        f"{WAITS}::test_a_wait_that_can_be_kept_or_makes_no_sense",
        "tests/test_retry.py::test_retry_after",
        "tests/test_retry.py::test_garbage_asks_for_nothing",
        "tests/test_retry.py::test_retry_after_is_honoured_with_a_little_jitter",
        known=(14, 15, 16),
    ),
    row(
        "retry-after-a-day",
        "429 or 503 that asks for more time than there is",
        "an error at once, with what was asked; other calls of the client keep still too",
        f"{WAITS}::test_a_wait_beyond_the_deadline_is_told_at_once",
        f"{DEADLINES}::test_a_wait_that_would_pass_the_deadline_raises_the_last_error_at_once",
        f"{DEADLINES}::test_a_pause_longer_than_the_deadline_is_told_at_once",
        known=(15, 16),
    ),
    # It leads elsewhere
    row(
        "redirect",
        "a call is redirected, to the service's own origin, another one, or one without TLS",
        "not followed: neither the key nor a photo goes anywhere else",
        f"{KEY}::test_no_call_follows_a_redirect",
        f"{PLACES}::test_no_call_is_followed_from_https_to_http",
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
        "downgraded-download",
        "a download or a profile's picture is redirected from https to http",
        "DownloadError: the photo never travels in clear",
        f"{PLACES}::test_a_picture_is_not_followed_from_https_to_http",
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
)
