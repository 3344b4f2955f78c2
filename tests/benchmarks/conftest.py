"""The benchmarks, and the scripts that make pages of them, lie beside the package: here they are imported."""

import sys
from pathlib import Path

sys.path += [str(Path(__file__).parents[2] / name) for name in ("benchmarks", "docs")]
