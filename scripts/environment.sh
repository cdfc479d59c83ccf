# shellcheck shell=bash
# What scripts/demo and scripts/test have in common: a place, an interpreter, environments, packages.
# To be sourced by bash from a script that lies beside it.
#
# All that is made lies in .scratch/ of this checkout, Debian packages aside.

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
scratch=$root/.scratch
cd "$root"

# Settings of the caller's shell that would change what is set up, or trace it.
unset VIRTUAL_ENV PYTHONPATH PYTHONHOME
for name in ${!AUTOTRACE_*}; do unset "$name"; done

export PIP_CACHE_DIR=$scratch/cache/pip
export PIP_DISABLE_PIP_VERSION_CHECK=1
export UV_CACHE_DIR=$scratch/cache/uv
export UV_PYTHON_DOWNLOADS=never
export XDG_CACHE_HOME=$scratch/cache

say() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }

die() {
    say "$@"
    exit 1
}

mkdir -p "$scratch/cache" "$scratch/log" 2>/dev/null || true
[ -w "$scratch/log" ] ||
    die "cannot write to $scratch. It was probably made by another user: remove it, or give it to $(id -un)."

# quietly NAME COMMAND…: runs it with its output in a log.
quietly() {
    local log=$scratch/log/$1.log
    shift
    "$@" >"$log" 2>&1 </dev/null
}

# from_network NAME COMMAND…: the same, up to three times, since networks have hiccups.
from_network() {
    local name=$1 attempt
    for attempt in 1 2; do
        if quietly "$@"; then return; fi
        say "$name failed; trying again in $((attempt * 5)) seconds"
        sleep $((attempt * 5))
    done
    if quietly "$@"; then return; fi
    tail -n 15 "$scratch/log/$name.log" | cut -c 1-300 >&2
    die "$name failed three times; the whole output is in $scratch/log/$name.log. If it speaks of" \
        "connections or time-outs, the package registry was not reached: check the network and the" \
        "configuration of pip or apt, and run this again."
}

# Prints an interpreter that autotrace supports.
find_python() {
    local python
    for python in python3 python3.{14..10} "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*/bin/python3; do
        if "$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 14))' \
            >/dev/null 2>&1; then
            "$python" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    die "no Python 3.10 to 3.14 was found. On Debian or Ubuntu: apt-get install python3 python3-pip"
}

# make_environment FOLDER: a virtual environment with pip, if there is none that works.
make_environment() {
    local folder=$1 python
    if "$folder/bin/python" -m pip --version >/dev/null 2>&1; then return; fi
    rm -rf "$folder"
    python=$(find_python)
    if "$python" -m venv "$folder" >"$scratch/log/venv.log" 2>&1; then return; fi
    # Debian keeps what venv needs in a package of its own, python3-venv.
    rm -rf "$folder"
    if "$python" -m pip --version >/dev/null 2>&1; then
        from_network virtualenv "$python" -m pip install --quiet --upgrade --target "$scratch/virtualenv" \
            virtualenv
        PYTHONPATH=$scratch/virtualenv quietly environment "$python" -m virtualenv "$folder" && return
    fi
    die "$python has neither venv nor pip. On Debian or Ubuntu: apt-get install python3-venv"
}

# debian_packages PACKAGE…: installs them as root, or says how.
debian_packages() {
    local as_root=()
    command -v apt-get >/dev/null ||
        die "please install what Debian calls $*: it is needed, and this system has no apt-get."
    if [ "$(id -u)" != 0 ]; then
        # Without a terminal, sudo could not ask for a password.
        if ! command -v sudo >/dev/null || { ! sudo -n true 2>/dev/null && [ ! -t 0 ]; }; then
            die "this needs Debian packages that are missing. As root: apt-get install $*"
        fi
        as_root=(sudo)
    fi
    say "installing Debian packages: $*"
    from_network apt-update "${as_root[@]}" apt-get update
    from_network apt-install "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends "$@"
}
