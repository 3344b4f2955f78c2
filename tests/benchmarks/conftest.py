"""The benchmarks are scripts beside the package: here they are imported."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
