import subprocess
import sys

import pytest

import oddqso

HEAVY = (
    "torch", "lightning", "numba", "astropy", "matplotlib", "sklearn", "scipy", "fastapi", "sqlalchemy", "alembic",
    "argon2", "umap",
)  # fmt: skip


def oddqso_command(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "oddqso.cli", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_line_starts_without_the_heavy_libraries():
    code = f"import sys, oddqso.cli; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_it_tells_its_version():
    assert oddqso_command("--version").stdout.strip() == f"oddqso {oddqso.__version__}"


@pytest.mark.parametrize("command", ["run", "simulate", "demo", "init", "status", "show", "report", "review"])
def test_every_command_explains_itself(command):
    done = oddqso_command(command, "--help")
    assert done.returncode == 0
    assert "Usage" in done.stdout


def test_init_writes_settings_once(tmp_path):
    path = tmp_path / "oddqso.toml"
    assert oddqso_command("init", path).returncode == 0
    again = oddqso_command("init", path)
    assert again.returncode == 1
    assert "exists" in again.stderr
    assert "Traceback" not in again.stderr


def test_the_verbs_are_there_in_python():
    for verb in ("run", "simulate", "demo", "init", "status", "show", "report", "review"):
        assert callable(getattr(oddqso, verb))


def test_trained_weights_are_used_as_they_are_or_learn_but_not_both(tmp_path):
    done = oddqso_command("run", tmp_path, "--run", tmp_path / "run", "--pretrained", "--finetune")
    assert done.returncode == 1
    assert "exclude each other" in done.stderr
