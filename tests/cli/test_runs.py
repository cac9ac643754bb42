"""The verbs that buy, through the real command: what they write where, and what they cost."""

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from support.command import Phota

from phota_async.runs import latest_run
from phota_async.runs.paths import from_text

ENHANCE = "0.12"  # US dollars a picture, without identity


def charged(phota: Phota) -> Decimal:
    return phota.sandbox.charged


# Verbs


def test_a_folder_is_enhanced_once(phota: Phota) -> None:
    phota.photos("holiday/a.jpg", "holiday/b.jpg", "holiday/2019/c.jpg")
    first = phota.run("enhance", "holiday", "-r")
    assert first.code == 0
    assert sorted(first.lines) == [
        *("phota-out/2019/c.enhance-1.jpg", "phota-out/a.enhance-1.jpg", "phota-out/b.enhance-1.jpg")
    ]
    assert "results go to phota-out" in first.err
    assert "3 done; $0.36 spent" in first.err
    again = phota.run("enhance", "holiday", "-r")
    assert again.code == 0
    assert sorted(again.lines) == sorted(first.lines)
    assert "3 known already; $0.00 spent" in again.err
    assert phota.sandbox.posts() == 3
    run = latest_run(phota.folder / "phota-out")
    assert (run.record().exit_code, run.record().totals["skipped"]) == (0, 3)
    assert [record.status for record in run.records()] == ["skipped"] * 3
    assert phota.run("spend").out.split(b"\t")[1:3] == [b"3", b"0.36"]  # where runs go, there they are looked for
    assert any(b"holds 3 purchases" in line for line in phota.run("doctor").out.splitlines())


def test_edit_with_people_and_a_prompt_from_a_file(phota: Phota) -> None:
    profile = phota.sandbox.add_profile("prof_mia1")
    phota.photos("a.jpg")
    (phota.folder / "wish.txt").write_text("to the sea\n")
    flags = ["-p", "@wish.txt", "-P", profile, "-k", "2", "--resolution", "2K", "--aspect", "1:1", "-m", "flux-2", "-y"]
    done = phota.run("edit", "a.jpg", *flags, "-o", "out", "--format", "png")
    assert done.code == 0, done.err
    assert done.lines == ["out/a.edit-1.png", "out/a.edit-2.png"]
    assert "2 done" not in done.err  # one photo
    assert "spent a price that is not known for 1" in done.err
    [first, second] = [seen.body for seen in phota.sandbox.requests if seen.mark == "POST /edit"]
    assert first["prompt"] == second["prompt"] == "to the sea"
    assert (first["profile_ids"], first["num_output_images"]) == (["prof_mia1"], 1)
    assert (first["resolution"], first["aspect_ratio"], first["base_model"]) == ("2K", "1:1", "flux-2")


def test_remix_and_generate(phota: Phota) -> None:
    phota.photos("a.jpg", "look.jpg")
    remixed = phota.run("remix", "a.jpg", "--reference", "look.jpg", "-o", "out")
    assert (remixed.code, remixed.lines) == (0, ["out/a.remix-1.jpg"])
    made = phota.run("generate", "-p", "a lake", "-k", "2", "-o", "out", "--price", "0.2", "--max-spend", "1")
    assert (made.code, made.lines) == (0, ["out/generate-1.jpg", "out/generate-2.jpg"])
    assert "1 done; $0.40 spent" in made.err


def test_a_list_of_requests(phota: Phota) -> None:
    phota.photos("photos/a.jpg", "photos/b.jpg")
    (phota.folder / "photos/list.csv").write_text(
        "\ufeffinput;op;prompt;out;who\na.jpg;;;;mia\nb.jpg;enhance;;best/b.jpg;leo\n;generate;a lake;;both\n"
    )
    done = phota.run("enhance", "--from", "photos/list.csv", "-o", "out", "--name", "{row.who}-{k}.{ext}", "-y")
    assert done.code == 0, done.err
    assert sorted(done.lines) == ["out/best/b.jpg", "out/both-1.jpg", "out/mia-1.jpg"]
    assert latest_run(phota.folder / "out").record().operation == "mixed"


def test_a_list_with_faults_costs_nothing(phota: Phota) -> None:
    phota.photos("a.jpg")
    (phota.folder / "list.csv").write_text("input,variations\na.jpg,1\ngone.jpg,1\na.jpg,9\n")
    done = phota.run("enhance", "--from", "list.csv")
    assert done.code == 2
    assert f"line 3, column input: {phota.folder}/gone.jpg: No such file or directory" in done.err
    assert "line 4, column variations: expected 1 to 4 output images, got 9" in done.err
    assert not phota.sandbox.requests
    assert phota.files == ["a.jpg", "list.csv"]


# Places


def test_one_photo_to_a_files_name(phota: Phota) -> None:
    phota.photos("in.jpg")
    done = phota.run("enhance", "in.jpg", "-o", "sub/better.png")
    assert (done.code, done.lines) == (0, ["sub/better.png"])
    assert (phota.folder / "sub/better.png").read_bytes().startswith(b"\x89PNG")


def test_a_pipe(phota: Phota) -> None:
    phota.photos("in.jpg")
    photo = (phota.folder / "in.jpg").read_bytes()
    done = phota.run("enhance", "-", "-o", "-", input=photo)
    assert done.code == 0
    assert done.out.startswith(b"\xff\xd8\xff")
    again = phota.run("enhance", "-", "-o", "-", input=photo)
    assert again.out == done.out
    assert phota.sandbox.posts() == 1


def test_a_picture_that_nobody_takes_is_kept_and_named(phota: Phota) -> None:
    phota.photos("in.jpg")
    with phota.started("enhance", "in.jpg", "-o", "-") as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        said = process.stderr.read().decode()
        assert process.wait() == 6
    kept = phota.folder / "state/pipe/in.enhance-1.jpg"
    assert f"standard output did not take the picture; it is kept as {kept}" in said
    assert kept.read_bytes().startswith(b"\xff\xd8\xff")
    assert "Traceback" not in said


def test_paths_that_nobody_reads_do_not_stop_a_run(phota: Phota) -> None:
    phota.photos("in/a.jpg", "in/b.jpg")
    with phota.started("enhance", "in") as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        said = process.stderr.read().decode()
        assert process.wait() == 0
    assert said.count("nobody reads standard output any more; the run goes on") == 1
    assert "2 done" in said
    assert "Traceback" not in said


def test_hostile_names_survive(phota: Phota) -> None:
    """Bytes that are no text, in photos and in the output; names that other systems cannot store; a dash in front."""
    phota.photos("in/-rf.jpg", "in/a:b\n?.jpg", "in/ä ö.jpg")
    (Path(os.fsdecode(os.fsencode(phota.folder) + b"/in/caf\xe9.jpg"))).write_bytes(
        (phota.folder / "in/-rf.jpg").read_bytes() + b"!"
    )
    done = phota.run("enhance", "in", "-o", b"out\xff", "--json")
    assert done.code == 0, done.err
    names = {Path(from_text(record["outputs"][0]["path"])).name for record in done.records[:-1]}
    assert names == {"-rf.enhance-1.jpg", "a%3Ab%0A%3F.enhance-1.jpg", "ä ö.enhance-1.jpg", "caf%E9.enhance-1.jpg"}
    again = phota.run("enhance", "in", "-o", b"out\xff", "-q")
    assert again.code == 0, again.err
    assert all(Path(line).exists() for line in map(phota.folder.joinpath, again.lines))
    assert b"out\xff/" in again.out
    assert phota.sandbox.posts() == 4


def test_files_that_have_the_names_of_results(phota: Phota) -> None:
    phota.photos("a.jpg", "phota-out/a.enhance-1.jpg")
    before = (phota.folder / "phota-out/a.enhance-1.jpg").read_bytes()
    skipped = phota.run("enhance", "a.jpg")
    assert (skipped.code, skipped.lines) == (0, [])
    assert (
        "1 left out, since other files have their results' names: --exists number makes results beside" in skipped.err
    )
    numbered = phota.run("enhance", "a.jpg", "--exists", "number")
    assert numbered.lines == ["phota-out/a.enhance-1-2.jpg"]
    assert (phota.folder / "phota-out/a.enhance-1.jpg").read_bytes() == before
    replaced = phota.run("enhance", "a.jpg", "--exists", "replace", "--take", "2", "--name", "{stem}.enhance-{k}.{ext}")
    assert replaced.lines == ["phota-out/a.enhance-1.jpg"]
    assert (phota.folder / "phota-out/a.enhance-1.jpg").read_bytes() != before


def test_originals_in_the_output_are_never_replaced(phota: Phota) -> None:
    phota.photos("in/a.jpg")
    refused = phota.run("enhance", "in", "-o", "in", "--exists", "replace")
    assert refused.code == 2
    assert "a.jpg lies in the output, where --exists replace could replace it: let -o be another folder" in refused.err
    named = phota.run("enhance", "in", "-o", "in", "--name", "{stem}.{ext}")
    assert named.code == 2
    assert "--name would let results pass for photos here" in named.err
    assert not phota.sandbox.requests


# Numbers


@pytest.mark.parametrize("named", [False, True])
def test_a_dry_run_says_what_the_run_does(phota: Phota, named: bool) -> None:
    """The same counts; what is spent lies in the range, which is no range where nobody is named."""
    phota.photos("in/a.jpg", "in/b.jpg", "in/c.jpg")
    (phota.folder / "in/broken.jpg").write_bytes(b"no photo")
    who = ["-P", phota.sandbox.add_profile()] if named else []
    phota.run("enhance", "in/a.jpg", "-o", "out", "-q", *who)
    flags = ["enhance", "in", "-o", "out", "--json", *who]
    before, posts = charged(phota), phota.sandbox.posts()
    foreseen = phota.run(*flags, "-n")
    assert (charged(phota), phota.sandbox.posts()) == (before, posts)
    done = phota.run(*flags)
    assert (foreseen.code, done.code) == (5, 5)
    *planned, plan = foreseen.records
    *items, run = done.records
    assert len(planned) == len(items) == 4
    assert (plan["totals"]["planned"], plan["totals"]["skipped"], plan["totals"]["failed"]) == (
        *(run["totals"][name] for name in ("done", "skipped", "failed")),
    )
    low, high = Decimal(plan["totals"]["low"]), Decimal(plan["totals"]["high"])
    spent = Decimal(run["totals"]["spent"])
    assert low <= spent <= high
    assert spent == charged(phota) - before
    assert named or low == spent == high
    assert {each["key"]: [one["path"] for one in each["outputs"]] for each in planned} == {
        each["key"]: [one["path"] for one in each["outputs"]] for each in items
    }


def test_json_lines_of_a_run(phota: Phota) -> None:
    phota.photos("in/a.jpg")
    done = phota.run("enhance", "in", "-p", "a secret wish", "--json", "--jsonl", "log.jsonl")
    item, run = done.records
    assert (item["schema"], run["schema"]) == ("phota.item/1", "phota.run/1")
    assert (item["status"], item["number"], item["run"]) == ("done", 1, run["run"])
    assert item["seconds"] > 0
    assert item["cost"]["settled"] == ENHANCE
    assert Path(item["outputs"][0]["path"]) == phota.folder / "phota-out/a.enhance-1.jpg"
    assert (run["exit_code"], run["totals"]["done"], run["totals"]["spent"]) == (0, 1, ENHANCE)
    assert b"secret" not in done.out
    assert "secret" not in done.err
    assert (phota.folder / "log.jsonl").read_bytes() == done.out
    assert latest_run(phota.folder / "phota-out").records()[0].request["prompt"] == "a secret wish"


def test_every_call_is_told_without_secrets(phota: Phota) -> None:
    phota.photos("a.jpg")
    done = phota.run("enhance", "a.jpg", "-v", "-p", "a secret wish")
    assert "RequestFinished" in done.err
    assert "POST /enhance" in done.err
    assert phota.sandbox.api_key not in done.err + os.fsdecode(done.out)
    assert "secret wish" not in done.err
    assert "sig=" not in done.err


# Settings


def test_options_come_from_the_environment(phota: Phota) -> None:
    phota.photos("a.jpg")
    done = phota.run("enhance", "a.jpg", env={"PHOTA_ENHANCE_OUT": "elsewhere", "PHOTA_ENHANCE_VARIATIONS": "2"})
    assert done.lines == ["elsewhere/a.enhance-1.jpg", "elsewhere/a.enhance-2.jpg"]


def test_a_tag_allows_its_own_people_only(phota: Phota) -> None:
    phota.photos("a.jpg")
    own = phota.sandbox.add_profile(tag="u_17")
    other = phota.sandbox.add_profile(tag="u_18")
    assert phota.run("enhance", "a.jpg", "--tag", "u_17", "-P", own).code == 0
    refused = phota.run("enhance", "a.jpg", "--tag", "u_17", "-P", other, "-o", "out")
    assert refused.code == 6
    assert phota.sandbox.posts() == 1


def test_the_verbs_help_is_quick_and_imports_nothing_heavy() -> None:
    heavy = ["aiohttp", "msgspec", "anyio", "asyncio", "rich", "PIL", "sqlite3", "phota_async.batch"]
    code = (
        "import sys; sys.argv = ['phota', 'enhance', '--help']\n"
        "from phota_async.__main__ import main\n"
        "try: main()\n"
        f"finally: print([name for name in {heavy} if name in sys.modules])"
    )
    alone = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_PROCESS")}  # it imports
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60, env=alone
    )
    assert "phota enhance holiday -o better" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"
