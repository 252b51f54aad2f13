"""`python -m reseau.cli`."""

import sys

from reseau.cli import main

sys.exit(main())
