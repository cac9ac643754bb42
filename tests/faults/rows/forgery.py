"""What strangers make: callbacks, pages, lists, folders, settings, pictures and names."""

from functools import partial

from ..row import make_row

CALLBACKS = "tests/faults/test_forgery_callbacks.py"
FOLDERS = "tests/faults/test_forgery_folders.py"
LISTS = "tests/faults/test_forgery_lists.py"
PAGES = "tests/faults/test_forgery_pages.py"
PICTURES = "tests/faults/test_forgery_pictures.py"
WEBHOOKS = "tests/test_webhooks.py"
DELIVER = "tests/test_deliver.py"
ACCESS = "tests/review/test_access.py"
REVIEW = "tests/review/test_server.py"
REVIEW_PICTURES = "tests/review/test_pictures.py"
EXPORTING = "tests/review/test_exporting.py"
SETTINGS = "tests/cli/test_settings.py"
STOPS = "tests/cli/test_stops.py"
TEMPLATES = "tests/batch/test_templates.py"
PREPARE = "tests/photos/test_prepare.py"
HOSTILE = "tests/photos/test_hostile.py"
XMP = "tests/photos/test_xmp.py"
EXIF = "tests/photos/test_exif.py"
REPORT = "tests/test_report.py"
RUN_ROWS = "tests/report/test_run_rows.py"
SHEET_PICTURES = "tests/report/test_hostile_pictures.py"
SANDBOX_COMMAND = "tests/sandbox/test_command.py"
SCHEMA = "tests/ledger/test_schema.py"

row = partial(make_row, "forgery")

ROWS = (
    # Callbacks
    row(
        "callback-twice",
        "a callback comes twice, or the very same body again and again",
        "it is said to be repeated, and nobody is asked anew",
        f"{DELIVER}::test_what_comes_twice_changes_nothing",
        f"{DELIVER}::test_so_many_bodies_are_remembered_for_so_long",
        known=(25,),
    ),
    row(
        "callback-replayed",
        "an old callback with its own stamp, or with a stamp of today",
        "SignatureError: the stamp is part of what is signed, and is fresh",
        f"{WEBHOOKS}::test_a_stale_or_future_stamp",
        f"{WEBHOOKS}::test_a_stamp_is_part_of_what_is_signed",
        f"{WEBHOOKS}::test_a_stamp_is_a_whole_number",
        known=(26,),
    ),
    row(
        "callback-forged",
        "a signature of another algorithm, another secret, cut off, in another encoding, or none",
        "SignatureError; nobody is woken and nothing is asked",
        f"{CALLBACKS}::test_no_header_of_a_forger_is_believed",
        f"{WEBHOOKS}::test_other_headers_are_refused",
        f"{WEBHOOKS}::test_every_form_needs_the_secret",
        f"{WEBHOOKS}::test_no_header_breaks_it",
        f"{DELIVER}::test_a_forged_one_does_nothing",
        known=(27,),
    ),
    row(
        "callback-body",
        "a body that was cut or changed by one bit",
        "SignatureError, whatever the form of the signature",
        f"{CALLBACKS}::test_bodies_that_were_cut_or_changed_are_refused",
        f"{WEBHOOKS}::test_every_form_needs_the_body",
        known=(27,),
    ),
    row(
        "callback-header-twice",
        "two signature headers, one of them right; a header of endless pieces",
        "SignatureError; so many pieces are looked at and no more",
        f"{CALLBACKS}::test_two_headers_are_refused_whichever_is_right",
        f"{WEBHOOKS}::test_there_is_one_signature_header",
        f"{WEBHOOKS}::test_a_header_of_endless_pieces_is_cut",
        known=(27,),
    ),
    row(
        "callback-empty-secret",
        "the receiver's secret is empty, none, or decodes to nothing, and the forger signs with that",
        "InputError before anything is compared",
        f"{CALLBACKS}::test_an_empty_secret_verifies_nothing",
        f"{WEBHOOKS}::test_a_secret_is_never_empty",
        f"{WEBHOOKS}::test_only_whsec_with_base64_is_decoded",
        known=(27,),
    ),
    row(
        "callback-timing",
        "a forger measures how long a refusal takes",
        "the same comparisons in constant time, whether something fits or not",
        f"{CALLBACKS}::test_right_and_wrong_take_the_same_comparisons",
    ),
    row(
        "callback-unreliable",
        "callbacks come late, early, for jobs that nobody waits for, or never",
        "the service is asked, and its word is the truth",
        f"{DELIVER}::test_polling_stays_the_truth",
        f"{DELIVER}::test_a_job_that_nobody_waits_for_is_not_asked_for",
        known=(28,),
    ),
    row(
        "callback-flood",
        "forgers send without end so that the secret is asked for",
        "once a minute at most",
        f"{DELIVER}::test_forgers_cannot_make_us_ask_more_than_once_a_minute",
        f"{DELIVER}::test_forgers_who_leave_in_the_middle_have_asked_too",
    ),
    # The review's page
    row(
        "review-csrf",
        "a page of another origin posts a form, or sends what needs no leave of the browser",
        "refused: an origin of its own, JSON and a token in a header are needed",
        f"{ACCESS}::test_another_origin_is_refused_even_with_the_token",
        f"{ACCESS}::test_a_change_needs_an_origin_and_json",
        f"{REVIEW}::test_a_form_cannot_change_anything",
        f"{REVIEW}::test_without_the_token_nothing_is_said",
        f"{REVIEW}::test_other_methods_are_refused",
    ),
    row(
        "review-rebinding",
        "a stranger's name is made to lead to this machine",
        "refused by the Host header, with the right token too",
        f"{PAGES}::test_a_name_that_leads_here_is_refused",
        f"{PAGES}::test_two_hosts_or_an_address_in_the_first_line_are_refused",
        f"{ACCESS}::test_another_name_for_this_machine_is_refused",
        f"{REVIEW}::test_a_foreign_name_or_origin_is_refused_everywhere",
    ),
    row(
        "review-traversal",
        "a path climbs up, is quoted twice, or names a number that is none",
        "nothing but the page's files and the run's numbered pictures",
        f"{REVIEW}::test_no_path_leads_out",
        f"{REVIEW}::test_a_strange_version_is_refused",
        f"{REVIEW_PICTURES}::test_other_numbers_lead_nowhere",
    ),
    row(
        "review-bodies",
        "a body is nested without end, no UTF-8, too long, or of other types",
        "refused with 400 or 413; the review goes on",
        f"{PAGES}::test_no_body_breaks_a_review",
        f"{REVIEW}::test_another_body_is_refused",
        f"{REVIEW}::test_a_large_body_is_refused",
    ),
    row(
        "review-words",
        "names and prompts are programs",
        "shown as words; every answer carries a policy that runs nothing",
        f"{REVIEW}::test_hostile_names_and_prompts_are_only_words",
        f"{REVIEW}::test_every_answer_carries_the_policy_and_nothing_of_the_server",
        f"{REPORT}::test_hostile_words_stay_words",
        f"{REPORT}::test_the_policy_allows_just_its_own_style_and_script",
    ),
    row(
        "review-other-machines",
        "it is told to listen where others reach it",
        "ConfigError",
        f"{REVIEW}::test_other_machines_are_never_served",
    ),
    # The sandbox
    row(
        "sandbox-remote",
        "it is told to listen where others reach it, or is reached from there",
        "on loopback by default; others only with --allow-remote",
        f"{PAGES}::test_a_sandbox_is_on_this_machine_only",
        f"{SANDBOX_COMMAND}::test_other_machines_are_kept_out",
        f"{SANDBOX_COMMAND}::test_a_remote_host_may_be_allowed",
    ),
    row(
        "sandbox-page",
        "a page of another origin asks it for something",
        "no leave for the browser to send a key or to read an answer; nothing is charged or deleted",
        f"{PAGES}::test_a_page_of_another_origin_gets_nothing_of_a_sandbox",
    ),
    row(
        "sandbox-bodies",
        "a body is nested without end, no UTF-8, or no JSON",
        "422, and it serves on",
        f"{PAGES}::test_no_body_breaks_a_sandbox",
    ),
    # Lists of requests
    row(
        "list-formulas",
        "cells are formulas, SQL, templates, commands or control characters",
        "words, sent as they are and never interpreted",
        f"{LISTS}::test_formulas_and_programs_are_words",
        f"{FOLDERS}::test_sql_in_names_is_words",
    ),
    row(
        "list-places",
        "a row's place is absolute, climbs up, is a device, a link or the ledger",
        "InputError, or a picture below the output",
        f"{LISTS}::test_a_place_is_refused_or_lies_below_the_output",
        f"{TEMPLATES}::test_any_text_is_a_template_or_an_error_of_ours",
    ),
    row(
        "list-sources",
        "a row's photo is a file of the system, a device, a folder, a pipe or no photo",
        "InputError with line and column: by its first bytes, and without waiting",
        f"{LISTS}::test_what_is_no_photo_never_leaves",
        f"{LISTS}::test_a_pipe_in_a_photos_place_is_not_waited_for",
    ),
    row(
        "list-without-end",
        "a line, a cell or a row of 100 MB, lists in lists, a hundred thousand columns, 5,000 digits",
        "InputError within some megabytes and at once",
        f"{LISTS}::test_what_never_ends_is_refused_in_little_memory",
        f"{LISTS}::test_as_many_columns_as_fit_take_no_time",
        f"{LISTS}::test_counts_that_are_none",
    ),
    # Folders with ledgers and runs
    row(
        "ledger-programs",
        "a ledger holds triggers or views that would forget intents or lift the cap",
        "LedgerError before anything is bought",
        f"{FOLDERS}::test_a_ledger_with_programs_is_refused_before_anything_is_bought",
        f"{SCHEMA}::test_another_programs_database_is_refused",
        f"{SCHEMA}::test_what_is_no_database_is_refused_and_left_alone",
    ),
    row(
        "ledger-files",
        "a ledger says that an item's file is /etc/passwd, lies above the output, or is a pipe",
        "it is not there: its job is asked for it, and nothing is paid twice",
        f"{FOLDERS}::test_files_that_a_ledger_names_elsewhere_are_none",
    ),
    row(
        "ledger-costs",
        "a ledger or a review says that something cost less than nothing, or no number",
        "it counts as nothing, and lifts no cap",
        f"{FOLDERS}::test_costs_below_nothing_do_not_lift_the_cap",
        f"{FOLDERS}::test_prices_that_are_none_do_not_lift_the_cap",
    ),
    row(
        "run-links",
        ".phota, its runs, a run's records or a review's picks are links to files of the person's",
        "InputError; nothing is written through them",
        f"{FOLDERS}::test_a_link_in_a_records_place_is_not_written_through",
        f"{FOLDERS}::test_a_run_is_not_begun_behind_a_link",
    ),
    row(
        "run-pipes",
        "a run's records are pipes, or lines that never end",
        "InputError, or passed over; nothing is waited for",
        f"{FOLDERS}::test_a_pipe_in_a_records_place_is_not_waited_for",
        f"{FOLDERS}::test_records_that_never_end_are_passed_over",
    ),
    row(
        "run-consent",
        "a run's record claims a yes, an agreed cap, or another output",
        "consent is given by the person, now; the output is where the record lies",
        f"{FOLDERS}::test_a_run_cannot_claim_consent_nor_another_output",
        f"{STOPS}::test_consent_is_not_read_from_a_folder",
    ),
    row(
        "run-outputs",
        "a run's record names /etc/passwd, a device, a folder or a link as its output",
        "neither shown on a page nor copied",
        f"{FOLDERS}::test_outputs_elsewhere_are_neither_shown_nor_copied",
        f"{REVIEW_PICTURES}::test_an_output_outside_the_folder_is_refused",
        f"{REVIEW_PICTURES}::test_an_output_that_is_a_link_is_refused",
        f"{REVIEW_PICTURES}::test_a_picture_that_is_swapped_for_a_link_is_refused",
        f"{EXPORTING}::test_records_that_lead_out_of_the_folder_are_not_followed",
        f"{RUN_ROWS}::test_what_others_wrote_into_a_record_breaks_nothing",
    ),
    row(
        "page-place",
        "something of the person's has the name of the page that is to be written",
        "InputError; it is left as it is",
        f"{RUN_ROWS}::test_what_is_not_ours_is_never_replaced",
    ),
    # Settings
    row(
        "settings-key",
        "./phota.toml sends the key elsewhere, or pairs it with another account's address",
        "ConfigError before anything is sent",
        f"{SETTINGS}::test_a_project_file_cannot_send_the_key_elsewhere",
        f"{SETTINGS}::test_a_project_cannot_pair_the_environments_key_with_an_accounts_address",
        f"{SETTINGS}::test_a_bound_key_goes_nowhere_else",
    ),
    row(
        "settings-private",
        "./phota.toml holds keys, accounts, a bucket, a command or a folder for state, or agrees to a cap",
        "ConfigError with its line; its cap stops and never agrees",
        f"{SETTINGS}::test_what_a_project_file_must_not_set",
        f"{SETTINGS}::test_a_key_in_a_settings_file_is_an_error_that_says_where_it_belongs",
        f"{SETTINGS}::test_a_projects_cap_stops_and_never_agrees",
    ),
    row(
        "settings-terminal",
        "a setting's value holds the terminal's own commands",
        "shown as what it is",
        f"{SETTINGS}::test_a_value_cannot_steer_the_terminal",
    ),
    # Pictures and names
    row(
        "picture-bombs",
        "a picture says that it has billions of pixels, or unpacks to gigabytes",
        "InputError, or left out, within some megabytes: when prepared, checked, previewed and laid on a sheet",
        f"{PICTURES}::test_a_bomb_is_not_lit",
        f"{PREPARE}::test_a_bomb_is_not_lit",
        f"{PREPARE}::test_bombs_in_other_wraps_are_not_lit",
        f"{PREPARE}::test_pillows_own_limit_holds_too",
        f"{REPORT}::test_a_decompression_bomb_is_left_out",
        f"{HOSTILE}::test_a_packed_bomb_in_a_png_is_not_unpacked",
    ),
    row(
        "picture-decoders",
        "a file of a format that nobody needs, for the decoder that nobody looks after",
        "no decoder but the usual ones sees it",
        f"{HOSTILE}::test_no_file_reaches_a_decoder_of_something_rare",
        f"{SHEET_PICTURES}::test_no_other_decoder_is_tried",
    ),
    row(
        "metadata",
        "EXIF in circles or too large, XMP with entities, IPTC that is none",
        "not there: no entity is resolved, no file opened, what remains is small",
        f"{XMP}::test_the_hostile_and_the_broken_are_not_there",
        f"{XMP}::test_any_bytes_can_be_read",
        f"{EXIF}::test_what_is_too_large_is_left_out",
        f"{HOSTILE}::test_photos_with_changed_bytes",
        f"{HOSTILE}::test_photos_with_pieces_moved",
    ),
    row(
        "names-of-the-service",
        "a job's id, a link's path or Content-Disposition proposes a file's name",
        "none of them matters: the file has the name that was asked for",
        f"{PICTURES}::test_no_name_of_the_service_names_a_file",
    ),
)
