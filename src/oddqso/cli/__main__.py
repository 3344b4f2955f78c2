"""``python -m oddqso.cli``."""

from oddqso.cli import main

main()
