"""`python -m edge_ser` is `edge-ser`."""

import sys

from edge_ser.cli import main

sys.exit(main())
