"""`python -m mer_cli` is `mer`."""

from mer_cli.app import main

main()
