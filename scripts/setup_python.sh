#!/usr/bin/env bash
# Makes the Python environment of the comparisons: numpy, Pillow and the real pycocotools from PyPI; with --torch also PyTorch.
# What is there already is kept.
# Usage: scripts/setup_python.sh [--torch] [FOLDER]     (default: build/python; then build/python/bin/python3 scripts/compare_...)
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(numpy Pillow pycocotools)
if [ "${1:-}" = --torch ]; then
  packages+=(torch)
  shift
fi
folder=${1:-build/python}
if [ ! -x "$folder/bin/python3" ]; then python3 -m venv "$folder"; fi
"$folder/bin/python3" -m pip install --quiet --disable-pip-version-check "${packages[@]}"
"$folder/bin/python3" -m pip list --disable-pip-version-check 2>/dev/null | grep -iE '^(numpy|pillow|pycocotools|torch) '
echo "setup_python: $folder/bin/python3"
