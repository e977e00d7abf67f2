#!/bin/bash
# The registry on the real broker, under ASan and UBSan.
set -euo pipefail
exec "$(dirname "$0")/../../build/debug/tests/e2e/registry/test_registry"
