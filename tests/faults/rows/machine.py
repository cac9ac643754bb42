"""What the machine does: the disk, names, clocks, signals, processes, crowds and cancellation."""

from functools import partial

from ..row import make_row

CALLS = "tests/faults/test_cancellation_calls.py"
MONEY = "tests/faults/test_cancellation_money.py"
DISK = "tests/faults/test_machine_disk.py"
PLACES = "tests/faults/test_machine_places.py"
CLOCK = "tests/faults/test_machine_clock.py"
SIGNALS = "tests/faults/test_machine_signals.py"
PROCESS = "tests/faults/test_machine_process.py"
CROWD = "tests/faults/test_machine_crowd.py"
CANCELLATION = "tests/transport/test_cancellation.py"
POOLS = "tests/transport/test_pools.py"
FILES = "tests/media/test_files.py"
SAVE = "tests/media/test_save.py"
BOUNDS = "tests/batch/test_bounds.py"
LEDGER_LOCK = "tests/ledger/test_lock.py"
LEDGER_LIVES = "tests/ledger/test_lifetimes.py"
LEDGER_RESUME = "tests/ledger/test_resume.py"
LEDGER_DIGESTS = "tests/ledger/test_digests.py"
KILLS = "tests/ledger/test_kills.py"
MODEL = "tests/ledger/test_model.py"
WATCH_LIVES = "tests/watch/test_lifetimes.py"
LIMITER = "tests/test_limiter.py"
RETRY = "tests/test_retry.py"
UPLOADS = "tests/transport/test_uploads.py"
WORKERS = "tests/photos/test_workers.py"

row = partial(make_row, "machine")

ROWS = (
    row(
        "full-disk-batch",
        "the disk fills at any page under a batch, its ledger and its pictures",
        "no half picture, no part; the batch stops, and the next run fetches what was bought: each item sold once",
        f"{DISK}::test_a_batch_on_a_disk_that_is_full_at_any_page_goes_on_to_exactly_once",
        f"{LEDGER_RESUME}::test_a_full_disk_stops_the_batch_and_loses_nothing",
        known=(39,),
    ),
    row(
        "full-disk-save",
        "the disk fills at any page under a saved call, job, result or download",
        "DownloadError that says is_full and charged unknown; no half file, no descriptor left",
        f"{DISK}::test_saving_on_a_disk_that_is_full_at_any_page",
        f"{FILES}::test_a_limit_on_file_sizes",
        known=(39,),
    ),
    row(
        "failing-sync",
        "EIO, EDQUOT, EFBIG or ENOSPC from any call about a file",
        "an error of ours, nothing under the final name, a commit that failed ends the ledger",
        f"{FILES}::test_a_full_disk_leaves_nothing_behind",
        "tests/ledger/test_store.py::test_a_failed_commit_ends_it",
        known=(40,),
    ),
    row(
        "unwritable-folder",
        "the folder takes no file",
        "InputError before anything is bought",
        f"{SAVE}::test_an_unwritable_directory_is_found_before_anything_is_bought",
        f"{FILES}::test_a_directory_without_permission",
        known=(40,),
    ),
    row(
        "vanishing-folder",
        "the output is removed, or a file or a link takes its place, at any step of a batch",
        "nothing is written elsewhere; what was bought is there, or told and fetched by the next run",
        f"{PLACES}::test_a_folder_that_changes_at_any_step",
        f"{SAVE}::test_a_directory_that_is_lost_after_paying",
        known=(40,),
    ),
    row(
        "vanishing-ledger",
        "the ledger, its lock or its folder is removed under a batch",
        "LedgerError: nothing more is bought, since nothing could be written down",
        "tests/ledger/test_store.py::test_a_ledger_that_was_removed_takes_nothing_more",
        known=(40, 44),
    ),
    row(
        "odd-names",
        "names that are reserved, too long, absolute, climb up, hold marks, NULs or half characters, or are no text",
        "refused unsent with InputError, or a file below the output",
        f"{PLACES}::test_every_name_is_refused_unsent_or_lies_below_the_output",
        f"{FILES}::test_a_name_that_is_promised_can_be_given",
        known=(37,),
    ),
    row(
        "links-out",
        "a link below the output leads out of it: to a folder, to nowhere, in a circle, of the ledger or its lock",
        "not followed: its items fail unsent, nothing is written there; an output that is a link itself is fine",
        f"{PLACES}::test_a_link_out_of_the_output_is_not_followed_and_its_item_not_sent",
        f"{PLACES}::test_links_that_stay_inside_and_an_output_that_is_one",
        f"{PLACES}::test_a_link_in_the_place_of_a_file_is_never_written_through",
        f"{PLACES}::test_a_ledger_below_the_output_stays_there",
        f"{FILES}::test_a_link_is_replaced_and_not_followed",
        f"{LEDGER_LOCK}::test_a_link_in_its_place_is_not_followed",
        known=(37,),
    ),
    row(
        "one-place-for-two",
        "two items of one name, also by case or composed characters; a file that is there already",
        "the second fails unsent; nothing is overwritten unless asked",
        f"{PLACES}::test_two_items_of_one_place_never_overwrite_each_other",
        f"{FILES}::test_a_hundred_writers_never_overwrite_each_other",
        f"{SAVE}::test_a_name_that_is_taken_after_paying_is_counted_past",
        known=(38,),
    ),
    row(
        "clock-set",
        "the wall clock is set a day forwards or backwards at any step of a call",
        "the call goes on as if nothing had happened; dates of the service are measured by its own clock",
        f"{CLOCK}::test_a_clock_that_is_set_at_any_step_changes_nothing",
        f"{RETRY}::test_retry_after",
        known=(29,),
    ),
    row(
        "guard-and-clocks",
        "time passes and the wall clock is set, by seconds or by years, before a lost job is asked for again",
        "not sent beyond 48 minutes of true time in one process, never for a moment that lies ahead",
        f"{CLOCK}::test_a_lost_job_is_asked_for_again_while_it_is_surely_remembered",
        f"{CLOCK}::test_a_job_that_vanished_is_not_sent_again_beyond_the_guard",
        f"{RETRY}::test_a_moment_that_lies_ahead_may_be_any_time_ago",
        known=(29, 46),
    ),
    row(
        "resume-after-days",
        "a batch goes on after minutes or days, by a clock that may have been set",
        "a young intent is sent with its id, an old one or one from the future is unknown; jobs are polled at any age",
        f"{CLOCK}::test_a_ledgers_intent_is_sent_again_while_it_is_surely_remembered",
        f"{LEDGER_RESUME}::test_an_old_intent_is_reported_and_bought_only_when_told",
        f"{LEDGER_RESUME}::test_a_submitted_job_is_polled_and_not_bought",
        known=(46,),
    ),
    row(
        "changed-photo",
        "a photo changes between two runs, or while it is sent; its times are odd",
        "another photo is another purchase; what changes while it is sent is not sent",
        f"{LEDGER_RESUME}::test_a_renamed_photo_is_not_bought_again_and_an_edited_one_is",
        f"{LEDGER_DIGESTS}::test_an_edited_photo_is_noticed_though_size_and_time_are_as_before",
        f"{LEDGER_DIGESTS}::test_a_photo_dated_in_the_future_is_read_each_time",
        f"{UPLOADS}::test_a_file_that_changes_while_it_is_sent_aborts_the_request",
        known=(47,),
    ),
    row(
        "signals",
        "SIGINT, SIGTERM or SIGKILL at some moment of a program that runs a batch",
        "the program ends, and warns of nothing; the next run finishes: each item sold once",
        f"{SIGNALS}::test_a_program_that_gets_a_signal_goes_on_to_exactly_once",
        known=(41, 42),
    ),
    row(
        "second-interrupt",
        "SIGINT twice while the service says nothing",
        "the second ends the program at once",
        f"{SIGNALS}::test_a_second_interrupt_ends_a_program_at_once_whatever_it_waits_for",
        known=(41,),
    ),
    row(
        "kills",
        "SIGKILL at random instants and at labelled points, the log's tail cut off or not",
        "no charge twice, no result lost, no half file under a final name",
        f"{KILLS}::test_killed_at_random_instants",
        f"{KILLS}::test_killed_between_variations",
        f"{KILLS}::test_killed_while_calls_are_held_open",
        f"{KILLS}::test_killed_at_labelled_points",
        known=(42, 43),
    ),
    row(
        "power",
        "power is lost: what was not synced is gone",
        "as for a kill: a model of all effects, and a log whose end is missing",
        f"{MODEL}::test_no_counter_example",
        f"{MODEL}::test_every_seeded_mistake_is_found",
        "tests/ledger/test_store.py::test_the_end_of_the_log_may_be_missing",
        known=(43,),
    ),
    row(
        "two-owners",
        "a second process, or a second ledger of this one, wants the same file",
        "LedgerError that names the owner; the lock dies with it",
        f"{LEDGER_LOCK}::test_the_second_process_is_told_who_the_first_is",
        f"{LEDGER_LOCK}::test_a_second_ledger_of_this_process_is_refused_too",
        known=(44,),
    ),
    row(
        "two-ledgers",
        "two processes run the same batch at once, each with a ledger of its own",
        "the same ids: one charge for each item, and both have the pictures",
        f"{PROCESS}::test_a_forked_child_buys_for_itself_and_leaves_its_parent_alone",
        known=(45,),
    ),
    row(
        "fork",
        "a client, its ledger, limiter, connections or waits are used in a forked child",
        "the child has its own and disturbs nothing of its parent; an open ledger refuses it",
        f"{PROCESS}::test_a_forked_child_buys_for_itself_and_leaves_its_parent_alone",
        f"{POOLS}::test_a_forked_child_uses_connections_of_its_own",
        f"{WATCH_LIVES}::test_a_forked_child_has_a_poller_of_its_own",
        f"{LIMITER}::test_a_forked_child_begins_anew",
        f"{LEDGER_LOCK}::test_a_forked_child_does_not_keep_it",
        "tests/ledger/test_store.py::test_a_forked_child_is_refused_and_frees_nothing",
        known=(50,),
    ),
    row(
        "closed-loop",
        "a loop is left or closed under a batch, a wait or a client, or another loop takes over",
        "the program ends by itself; what was bought is found by the next run",
        f"{PROCESS}::test_a_loop_that_is_closed_under_a_batch_loses_nothing",
        f"{POOLS}::test_one_client_on_one_loop_after_the_other",
        f"{POOLS}::test_a_client_that_is_never_closed_leaves_no_warning",
        f"{WATCH_LIVES}::test_a_loop_that_ends_while_somebody_waits_leaves_no_warning",
        known=(49,),
    ),
    row(
        "no-descriptors",
        "the process may open no further file, or only a few",
        "errors of ours; the next run finishes: each item sold once",
        f"{PROCESS}::test_a_process_without_descriptors_reports_and_goes_on_later",
    ),
    row(
        "worker-dies",
        "a process that prepares photos is killed, or its parent is",
        "the photo fails alone; no process outlives its parent",
        f"{WORKERS}::test_a_worker_that_is_killed_is_told_and_replaced",
        f"{WORKERS}::test_workers_die_with_a_parent_that_is_killed",
        f"{WORKERS}::test_cancelled_at_every_step",
    ),
    row(
        "crowd",
        "100,000 tasks call or wait for a place, or 20,000 wait for jobs, at once",
        "in turn, within linear time and some kilobytes each; cut off, they leave nothing",
        f"{CROWD}::test_a_crowd_gets_its_turns_in_order_paid_calls_first_and_free_ones_all_the_same",
        f"{CROWD}::test_a_crowd_of_calls_waits_in_little_memory_and_leaves_nothing",
        f"{CROWD}::test_a_crowd_that_waits_for_jobs_costs_a_look_for_each_job",
    ),
    row(
        "a-million-items",
        "more items than memory could hold",
        "pulled as places become free; what is remembered of them stays small",
        f"{BOUNDS}::test_items_are_pulled_as_places_become_free",
        f"{BOUNDS}::test_an_endless_iterable",
        "tests/batch/test_marks.py::test_memory_stays_flat",
        known=(56,),
    ),
    row(
        "cancellation-calls",
        "any call is cut off at any step: task.cancel(), a scope of anyio, wait_for",
        "no place, connection, task, descriptor, poll or part is left, and the client serves on",
        f"{CALLS}::test_a_cut_at_any_step_leaves_nothing",
        f"{CANCELLATION}::test_a_cut_at_any_step_leaves_nothing",
        f"{POOLS}::test_closing_that_is_cut_off_closes_every_pool",
        known=(48,),
    ),
    row(
        "cancellation-ledger",
        "a batch with a ledger is cut off at any step, while it opens and ends too",
        "the next run goes on to exactly once; a held call that was cut off is done or unknown",
        f"{MONEY}::test_a_batch_with_a_ledger_goes_on_to_exactly_once",
        f"{LEDGER_LIVES}::test_its_own_ledger_is_free_again",
        f"{LEDGER_LIVES}::test_a_lent_ledger_takes_a_batch_of_its_name_again",
        known=(48,),
    ),
    row(
        "cancellation-money",
        "a paid call without a ledger is cut off at any step",
        "sold once at most; a budget counts it, hooks hear of it, an id of one's own finds it again",
        f"{MONEY}::test_a_budget_counts_what_a_batch_without_a_ledger_may_have_bought",
        f"{MONEY}::test_a_job_with_an_id_of_ones_own_is_sold_once",
        f"{MONEY}::test_hooks_hear_of_every_call_that_may_have_been_charged",
        f"{MONEY}::test_a_creation_is_sent_once_and_the_next_one_is_not_taken_for_it",
        known=(48,),
    ),
    row(
        "cancellation-limiter",
        "who waits for a place is cut off in the moment in which it is handed over",
        "the place goes to the next",
        f"{LIMITER}::test_who_is_cancelled_in_the_moment_of_hand_over_passes_it_on",
        f"{LIMITER}::test_no_place_is_lost_in_a_crowd",
        f"{CALLS}::test_a_cut_at_any_step_leaves_nothing",
        known=(48,),
    ),
    row(
        "cancellation-watch",
        "one of many who wait for the same is cut off at any step",
        "the others go on, with no look more",
        f"{WATCH_LIVES}::test_one_of_many_is_cut_at_any_step_and_the_others_go_on",
        known=(48,),
    ),
)
