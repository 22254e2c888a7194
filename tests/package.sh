#!/bin/sh
# Build the wheel and the sdist, and try every way to install that README names, each in an empty environment, with README's
# own line: pip from the wheel, uv, uvx; and the pip line of the Containerfile on what it copies. Then score without a network.
set -eu
python=${PYTHON:-python3}
root=$(cd "$(dirname "$0")/.." && pwd)
python=$(cd "$root" && command -v "$python")
case $python in /*) ;; *) python=$root/$python ;; esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$root"

said() { # the one line of README in backticks that begins with these words
	line=$(grep -o "\`$1[^\`]*\`" README.md | tr -d '\`')
	[ "$(printf '%s\n' "$line" | wc -l)" = 1 ] && [ -n "$line" ] || { echo "README: expected one line \`$1 ...\`" >&2; exit 1; }
	printf '%s' "$line"
}

tried() { # the `diversity` of an environment, in an empty folder, in a name space without a network where the system lets us
	mkdir -p "$work/empty" && cd "$work/empty"
	alone=$(unshare -rn true 2> /dev/null && echo "unshare -rn" || true)
	HF_HUB_OFFLINE=1 HF_DATASETS_OFFLINE=1 $alone "$@"
	cd "$root"
}

"$python" -m build --outdir "$work/dist" . > "$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }
ls -l "$work/dist"

echo "pip, from the wheel"
"$python" -m venv "$work/env"
"$work/env/bin/python" -m pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt "$work"/dist/*.whl
"$work/env/bin/python" -m pip check
tried "$work/env/bin/diversity" score --tasks squad_v1,mnli,hellaswag
"$work/env/bin/diversity" tasks | grep -q moments
cat > "$work/typed.py" <<'PY'
from diversity.version import __version__

reveal_type(__version__)
PY
printf '[mypy]\nfollow_imports = skip\n[mypy-diversity,diversity.version]\nfollow_imports = silent\n' > "$work/mypy.ini"
# where py.typed is missing, mypy takes the package for one without types
(cd "$work" && "$python" -m mypy --config-file mypy.ini --cache-dir "$work/mypy" --python-executable "$work/env/bin/python" typed.py) > "$work/typed.log" ||
	{ cat "$work/typed.log"; exit 1; }
grep -q 'Revealed type is "\(builtins.\)\{0,1\}str"' "$work/typed.log" || { cat "$work/typed.log"; exit 1; }
tried "$work/env/bin/python" - <<'PY'
import diversity
from diversity import store

assert "site-packages" in diversity.__file__, diversity.__file__
for encoder in ("all-MiniLM-L6-v2", "mini"):
    space = diversity.measure(["qqp"], data=store.shipped() / "samples", encoder=encoder, cache="cache")
    assert space.tasks["qqp"].moments.n == 48
print("the wheel alone scores and encodes")
PY

echo "pip, as in the Containerfile (resolved, and the wheel built from what it copies)"
mkdir "$work/src"
grep '^COPY ' Containerfile | while read -r _ sources; do
	for source in ${sources% *}; do cp -r "$source" "$work/src/"; done
done
line=$(sed -n 's/^RUN \(pip install .*\) && .*/\1/p' Containerfile | sed "s,/src,$work/src,g")
"$python" -m venv "$work/container"
"$work/container/bin/python" -m $line --quiet --disable-pip-version-check --dry-run
"$work/container/bin/python" -m pip wheel --quiet --disable-pip-version-check --no-deps -w "$work/same" "$work/src"
unzip -l "$work"/same/*.whl | awk '{print $4}' | grep -v RECORD | sort > "$work/in_image"
unzip -l "$work"/dist/*.whl | awk '{print $4}' | grep -v RECORD | sort > "$work/in_wheel"
cmp "$work/in_image" "$work/in_wheel"

"$python" -m venv "$work/tools"
"$work/tools/bin/python" -m pip install --quiet --disable-pip-version-check uv
PATH=$work/tools/bin:$PATH
# where pip looks for wheels, and with the pins
UV_FIND_LINKS=$("$python" -m pip config get global.find-links 2> /dev/null || true)
export PATH UV_FIND_LINKS UV_CONSTRAINT="$root/constraints.txt" UV_CACHE_DIR="$work/uv" UV_PYTHON="$python" UV_PYTHON_DOWNLOADS=never

line=$(said "uv pip install")
echo "$line"
uv venv --quiet "$work/by_uv"
VIRTUAL_ENV=$work/by_uv UV_PYTHON="" $line --quiet
tried "$work/by_uv/bin/diversity" score --tasks mnli,qqp --metrics cosine > /dev/null

line=$(said "uvx --from")
echo "$line"
$line > /dev/null
