#!/bin/bash
# The view on the real broker, under ASan and UBSan.
set -euo pipefail
exec "$(dirname "$0")/../../build/debug/tests/e2e/cli/test_view"
