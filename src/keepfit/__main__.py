"""`python -m keepfit` is the command `keepfit`."""

from keepfit.cli import main

main()
