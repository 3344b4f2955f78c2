"""Execute the tutorial and write it as a notebook with its outputs."""

import sys
import tempfile
from pathlib import Path

import jupytext
from nbclient import NotebookClient

SOURCE = Path(__file__).parent / "tutorials" / "first_run.py"


def main(out: Path) -> None:
    """Execute in a folder of its own, so that nothing is left beside the source."""
    notebook = jupytext.read(SOURCE)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(
            notebook, timeout=1200, kernel_name="python3", resources={"metadata": {"path": folder}}
        ).execute()
    for k, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{k}"
        cell.get("metadata", {}).pop("execution", None)
    jupytext.write(notebook, out, fmt="ipynb")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else SOURCE.with_suffix(".ipynb"))
