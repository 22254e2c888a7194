#!/bin/sh
# Build the wheel and the sdist, install the wheel alone in a clean environment, and score with what is inside it.
set -eu
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$(cd "$(dirname "$0")/.." && pwd)
"$python" -m build --outdir "$work/dist" "$root" > "$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }
ls -l "$work/dist"
"$python" -m venv "$work/env"
"$work/env/bin/python" -m pip install --quiet --disable-pip-version-check -c "$root/constraints.txt" "$work"/dist/*.whl
"$work/env/bin/python" -m pip check
cd "$work"
"$work/env/bin/diversity" score --tasks squad_v1,mnli,hellaswag
"$work/env/bin/diversity" tasks | grep -q moments
"$work/env/bin/python" - <<'PY'
import diversity
from diversity import store

assert "site-packages" in diversity.__file__, diversity.__file__
space = diversity.measure(["qqp"], data=store.shipped() / "samples", cache="cache")
assert space.tasks["qqp"].moments.n == 48
print("the wheel alone scores and encodes")
PY
