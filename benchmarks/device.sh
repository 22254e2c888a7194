#!/usr/bin/env bash
# What a device does, in under eight minutes: training, encoding, neighbours, a two-cell grid; a table last.
#
#   bash benchmarks/device.sh            on a machine with a CUDA device
#   TINY=1 bash benchmarks/device.sh     the same on a processor, at a size that takes a minute: does it run?
#
# $PYTHON is the Python of the environment (python); $OUT a folder for the table (none: it is printed alone). Each part has
# a limit of its own, and the table says of one that ran past it that it did.
set -uo pipefail
cd "$(dirname "$0")/.."
export PYTHONPATH=$PWD PYTHONUNBUFFERED=1 TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1
exec "${PYTHON:-python}" benchmarks/device.py
