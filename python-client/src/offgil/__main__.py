"""``python -m offgil``."""

import sys

from offgil._cli import main

sys.exit(main())
