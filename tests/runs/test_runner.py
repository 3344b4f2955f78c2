import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from oddqso.errors import StageError, StoreError
from oddqso.runs.directory import RunDirectory
from oddqso.runs.executors import Processes, Serial
from oddqso.runs.files import read_table, write_json
from oddqso.runs.progress import Silent

sys.path.insert(0, str(Path(__file__).parent))
from toy import make_runner

TOY = Path(__file__).parent / "toy.py"


class Follower(Silent):
    """Remembers which stages ran and which were skipped."""

    def __init__(self):
        self.ran, self.skipped, self.already = [], [], {}

    def begin(self, stage, total, done, unit):
        self.ran.append(stage)
        self.already[stage] = done

    def skip(self, stage):
        self.skipped.append(stage)


def run(root, executor=None, *, first=None, last=None, seed=1, **square):
    follower = Follower()
    make_runner(root, seed, **square).run(executor or Serial(), follower, first=first, last=last)
    return follower


def content(root):
    """Every byte of the stages' outputs; manifests without the time they took."""
    found = {}
    for path in sorted(root.glob("[!.p]*/*")):
        if path.name == "manifest.json":
            found[str(path.relative_to(root))] = {
                k: v for k, v in json.loads(path.read_text()).items() if k not in ("seconds", "made", "reads")
            }
        else:
            found[str(path.relative_to(root))] = path.read_bytes()
    return found


def test_a_second_run_has_nothing_to_do(tmp_path):
    assert run(tmp_path).ran == ["list", "square", "sum"]
    before = content(tmp_path)
    assert run(tmp_path).skipped == ["list", "square", "sum"]
    assert content(tmp_path) == before


def test_a_changed_setting_redoes_its_stage_and_the_later_ones_only(tmp_path):
    run(tmp_path)
    assert run(tmp_path, power=3).ran == ["square", "sum"]


def test_old_settings_bring_the_old_outputs_back(tmp_path):
    run(tmp_path)
    before = content(tmp_path)
    run(tmp_path, power=3)
    assert content(tmp_path) != before
    assert run(tmp_path).ran == []
    assert content(tmp_path) == before


def test_another_seed_gives_another_result(tmp_path):
    run(tmp_path / "a")
    run(tmp_path / "b", seed=2)
    assert (tmp_path / "a/sum/sum.json").read_bytes() != (tmp_path / "b/sum/sum.json").read_bytes()


def test_until_stops_and_from_redoes(tmp_path):
    assert run(tmp_path, last="square").ran == ["list", "square"]
    assert not (tmp_path / "sum").exists()
    run(tmp_path)
    assert run(tmp_path, first="square").ran == ["square", "sum"]
    assert run(tmp_path, first="square", last="square").ran == ["square"]


def test_what_was_made_from_a_stage_that_was_made_again_is_made_again(tmp_path):
    """Code may have changed though no setting did: nothing made from the old output may pass for current."""
    run(tmp_path)
    assert run(tmp_path, first="square", last="square").ran == ["square"]
    again = run(tmp_path)
    assert (again.skipped, again.ran) == (["list", "square"], ["sum"])


def test_from_begins_anew_whatever_a_killed_attempt_left(tmp_path):
    run(tmp_path)
    runner = make_runner(tmp_path)
    stage = runner.stages[1]
    partial = runner.directory.partial("square", runner.fingerprints()["square"], runner.made_from(stage))
    partial.mkdir(parents=True)
    (partial / "s0.arrow").write_bytes((tmp_path / "square" / "s1.arrow").read_bytes())
    before = content(tmp_path)["square/s0.arrow"]
    assert run(tmp_path, first="square").already["square"] == 0
    assert content(tmp_path)["square/s0.arrow"] == before


def test_from_needs_the_earlier_stages(tmp_path):
    with pytest.raises(StageError, match=r"stage list is not complete.*run without --from"):
        run(tmp_path, first="square")


@pytest.mark.parametrize("executor", [Serial(), Processes(2)], ids=["serial", "processes"])
def test_a_bad_shard_is_named_and_the_others_are_kept(tmp_path, executor):
    with (
        executor,
        pytest.raises(
            StageError, match=r"stage square failed on 1 of 4 shards(.|\n)*s2: ValueError: this shard is bad"
        ),
    ):
        run(tmp_path, executor, bad_shard="s2")
    kept = list((tmp_path / ".partial").glob("square-*/*.arrow"))
    assert sorted(path.stem for path in kept) == ["s0", "s1", "s3"]
    assert not (tmp_path / "square").exists()


def test_serial_and_processes_give_the_same_bytes(tmp_path):
    run(tmp_path / "serial")
    with Processes(2) as executor:
        run(tmp_path / "processes", executor)
    assert content(tmp_path / "serial") == content(tmp_path / "processes")


def test_a_killed_worker_ends_in_a_clear_error(tmp_path):
    with (
        Processes(1) as executor,
        pytest.raises(StageError, match=r"a worker process was killed.*run the same command again"),
    ):
        run(tmp_path, executor, die=True)
    assert list((tmp_path / ".partial").glob("square-*/s0.arrow"))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_run_resumes_to_the_same_bytes(tmp_path, workers):
    whole = tmp_path / "whole"
    subprocess.run([sys.executable, TOY, whole, str(workers), "0.5"], check=True)
    for n_shards in (1, 2):  # of four; with two workers they come in pairs
        killed = tmp_path / f"killed{n_shards}"
        process = subprocess.Popen([sys.executable, TOY, killed, str(workers), "0.5"], start_new_session=True)
        deadline = time.monotonic() + 60
        while len(list(killed.glob(".partial/square-*/*.arrow"))) < n_shards and time.monotonic() < deadline:
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert not (killed / "square").exists()
        follower = run(killed, pause_s=0.5)
        assert follower.already["square"] >= 3 * n_shards
        assert content(killed) == content(whole)


def test_two_runs_in_one_directory_are_refused(tmp_path):
    directory = RunDirectory(tmp_path)
    with (
        directory.locked(),
        pytest.raises(StageError, match=rf"in use by another oddqso process \(pid {os.getpid()}\)"),
        RunDirectory(tmp_path).locked(),
    ):
        pass
    with directory.locked():
        pass


def test_a_full_disk_is_said_and_loses_nothing(tmp_path):
    run(tmp_path, last="list")
    before, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, hard))
    try:
        with pytest.raises(StageError, match="the disk or quota is full: make room"):
            run(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, hard))
        signal.signal(signal.SIGXFSZ, old)
    assert (tmp_path / "list/manifest.json").exists()
    assert not list(tmp_path.rglob("*.arrow"))
    assert run(tmp_path).skipped == ["list"]


@pytest.mark.skipif(
    not Path("/proc/self").exists(), reason="needs a file system that refuses to be written, such as /proc"
)
def test_a_folder_that_cannot_be_written_is_said():
    with pytest.raises(StoreError, match="cannot write /proc/oddqso"), RunDirectory(Path("/proc/oddqso")).locked():
        pass


def test_a_damaged_table_is_named(tmp_path):
    path = tmp_path / "embed" / "shard.arrow"
    path.parent.mkdir()
    path.write_bytes(b"ARROW1 but no more")
    with pytest.raises(StoreError, match=r"shard\.arrow is damaged.*--from embed"):
        read_table(path)


def test_json_is_never_half_written(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"x": 1})
    with pytest.raises(TypeError):
        write_json(path, {"x": object()})
    assert json.loads(path.read_text()) == {"x": 1}
    assert list(tmp_path.iterdir()) == [path]
