import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_the_reference_pages_are_those_the_code_makes():
    done = subprocess.run(
        [sys.executable, ROOT / "docs/make_reference.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/**/*.md")) + [ROOT / "README.md"], ids=lambda p: p.name)
def test_every_link_to_a_file_leads_somewhere(page):
    for link in re.findall(r"\]\(([^)#]+)", page.read_text()):
        if not link.startswith("http"):
            assert (page.parent / link).exists(), f"{page.name} points to {link}, which is not there"


def test_the_notebook_was_made_from_the_tutorial():
    import jupytext

    notebook = jupytext.read(ROOT / "docs/tutorials/first_run.ipynb")
    source = jupytext.read(ROOT / "docs/tutorials/first_run.py")
    assert [cell["source"] for cell in notebook.cells] == [cell["source"] for cell in source.cells], "run `make docs`"
    assert all(cell.get("outputs") is not None for cell in notebook.cells if cell["cell_type"] == "code")


@pytest.mark.slow  # about a minute: a whole run
def test_the_tutorial_runs(tmp_path):
    out = tmp_path / "first_run.ipynb"
    subprocess.run([sys.executable, ROOT / "docs/make_tutorial.py", out], check=True, capture_output=True)
    assert "image/png" in out.read_text()
