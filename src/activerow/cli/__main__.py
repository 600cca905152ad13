"""`python -m activerow.cli`."""

from activerow.cli import main

main()
