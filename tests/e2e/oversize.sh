#!/bin/bash
# Records that are too large to bury as they are, on the real broker, under ASan and UBSan.
set -euo pipefail
exec "$(dirname "$0")/../../build/debug/tests/e2e/oversize/test_oversize"
