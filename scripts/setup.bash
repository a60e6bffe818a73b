# Sourced by the scripts beside it: makes the virtual environment and installs what is missing.
# Needs bash and python3 >= 3.11 only. Everything installed is remembered, so a second run takes no time.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
venv=${LAUREL_VENV:-$root/.venv}

say() { printf '%s\n' "$*" >&2; }

find_python() {
    local candidate
    for candidate in python3.11 python3.12 python3.13 python3; do
        if command -v "$candidate" >/dev/null &&
            "$candidate" -c 'import sys; raise SystemExit(sys.version_info < (3, 11))'; then
            printf '%s' "$candidate"
            return
        fi
    done
    say "python3 3.11 or newer is needed and was not found; install it and run this again"
    exit 2
}

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
        "$python" -m venv "$venv" 2>/dev/null || make_venv_by_apt "$python"
    fi
    say "installing Python packages (once)"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable ".[${have//$'\n'/,}]"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable ".[fast]" >/dev/null 2>&1 ||
        say "no C compiler, so gunicorn parses HTTP in Python, which makes a single POST about a fifth dearer"
    printf '%s\n' "$sum" "$have" >"$venv/.laurel"
}

# Debian keeps venv's ensurepip in a package of its own.
make_venv_by_apt() {
    rm -rf "$venv"
    install_debian python3-venv
    "$1" -m venv "$venv"
}

# install_debian PACKAGE...: only as root and only where apt exists; returns 1 when it cannot.
install_debian() {
    command -v apt-get >/dev/null && [[ $(id -u) == 0 ]] || return 1
    say "installing Debian packages: $*"
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >/dev/null 2>&1 ||
        { apt-get update -qq >/dev/null 2>&1 &&
            DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >/dev/null 2>&1; }
}
