"""`python -m reseau`: the command line."""

import sys

from reseau.cli import main

sys.exit(main())
