"""``python -m bench.cli``, where no script of the name ``bench`` is installed."""

from bench.cli import main

main()
