# Sourced, not run. Finds or makes a Python environment that holds what requirements.txt names.
#
#   source tools/env.sh; find_environment     # sets $python
#
# Order: the active environment, if it holds the pinned versions; the repository's .venv, if its installation
# was finished; the chosen interpreter, if it holds them itself; else .venv is made or brought up to date.
#
# Environment: PYTHON    the interpreter to make .venv with (default: the first fit of python3.12, 3.11, 3.13, python3)
#              PIP_ARGS  further arguments of `pip install`, split at spaces

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv
stamp=$venv/.mmdfer-installed          # holds the checksum of what was installed; written last
unfinished=$venv/.mmdfer-installing    # holds the installer's process id; there from first to last step

say() { printf 'mmdfer: %s\n' "$*" >&2; }

die() { say "error: $*"; exit 1; }

# version_of PYTHON: "3.11"; fails where the command does not run (a shim without a version behind it, say).
version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }

is_supported() { case $1 in 3.11 | 3.12 | 3.13) true ;; *) false ;; esac }

# pick_python: the interpreter's command.
pick_python() {
    local version candidate
    if [ -n "${PYTHON:-}" ]; then
        version=$(version_of "$PYTHON") || die "PYTHON=$PYTHON does not run: set it to a Python 3.11, 3.12 or 3.13"
        is_supported "$version" || die "PYTHON=$PYTHON is Python $version: Python 3.11, 3.12 or 3.13 is needed"
        echo "$PYTHON"
        return
    fi
    for candidate in python3.12 python3.11 python3.13 python3 python; do       # 3.13 last: MediaPipe has no wheels for it
        if version=$(version_of "$candidate") && is_supported "$version"; then
            echo "$candidate"
            return
        fi
    done
    die 'no Python 3.11, 3.12 or 3.13 found on PATH: install one, or set PYTHON to its path'
}

# is_complete PYTHON: whether it holds every requirement at its pinned version; else prints the first that differs.
is_complete() {
    "$1" - "$root/requirements.txt" 2>/dev/null <<'PYTHON' || return 1
import platform
import re
import sys
from importlib.metadata import PackageNotFoundError, version

here = dict(python_version='%d.%d' % sys.version_info[:2], platform_machine=platform.machine(), sys_platform=sys.platform)
for line in open(sys.argv[1], encoding='utf-8'):
    requirement, _, marker = line.partition('#')[0].partition(';')
    name, _, pinned = re.sub(r'\s', '', requirement).partition('==')
    if not name or (marker.strip() and name != 'mmaction2' and not eval(marker, {}, here)):
        continue
    try:
        found = version(re.split(r'[\[<>!~]', name)[0])
    except PackageNotFoundError:
        print(name, 'is missing')
        sys.exit(1)
    if pinned and found.split('+')[0] != pinned:        # 2.13.0+cpu is 2.13.0
        print(name, 'is', found, 'and not', pinned)
        sys.exit(1)
PYTHON
}

# checksum: of what decides the content of .venv; the folder counts, since an editable install points to it.
checksum() { { cat "$root/requirements.txt" "$root/setup.py"; echo "$root"; } | cksum; }

# is_installed: whether .venv is whole: stamped with today's checksum, or made by other hands and holding everything.
is_installed() {
    [ -x "$venv/bin/python" ] && [ ! -e "$unfinished" ] || return 1
    if [ -e "$stamp" ]; then [ "$(cat "$stamp")" = "$(checksum)" ]; else is_complete "$venv/bin/python" >/dev/null; fi
}

# wait_for_other_installer: two runs at once must not write into one .venv.
wait_for_other_installer() {
    local other
    other=$(cat "$unfinished" 2>/dev/null) || return 0
    if [ -n "$other" ] && kill -0 "$other" 2>/dev/null; then
        say "process $other is installing into .venv: waiting for it"
        while [ "$(cat "$unfinished" 2>/dev/null)" = "$other" ] && kill -0 "$other" 2>/dev/null; do sleep 1; done
    fi
}

# install PYTHON: make .venv, or bring it up to date.
install() {
    local pip_install="$venv/bin/python -m pip install --quiet --disable-pip-version-check ${PIP_ARGS:-}"
    if [ -e "$unfinished" ]; then
        say 'an earlier installation into .venv was cut short: starting it afresh'
        rm -rf "$venv"
    fi
    mkdir -p "$venv"
    echo $$ >"$unfinished"
    rm -f "$stamp"
    if [ ! -x "$venv/bin/python" ]; then
        say "making .venv with Python $(version_of "$1") ($1)"
        "$1" -c 'import venv, ensurepip' 2>/dev/null || {
            rm -rf "$venv"
            die "$1 has no venv module: install it (Debian, Ubuntu: apt install python$(version_of "$1")-venv)," \
                'set PYTHON to another Python, or activate an environment of your own'
        }
        "$1" -m venv "$venv"
    fi
    say 'installing requirements.txt into .venv (some minutes the first time)'
    # shellcheck disable=SC2086     # split into words on purpose
    (cd "$root" && $pip_install -r requirements.txt) || die 'pip failed, see above: mend that and start again'
    # Where decord has no wheel, mmaction2 is not among those, since it asks for decord; it runs without.
    # shellcheck disable=SC2086
    "$venv/bin/python" -c 'import importlib.metadata as m; m.version("mmaction2")' 2>/dev/null ||
        (cd "$root" && $pip_install --no-deps mmaction2==1.2.0) || die 'pip failed, see above: mend that and start again'
    say 'installing mmdfer into .venv (editable)'
    # shellcheck disable=SC2086
    (cd "$root" && $pip_install --no-deps -e .) || die 'pip failed, see above: mend that and start again'
    checksum >"$stamp"
    rm -f "$unfinished"
    say 'installation finished'
}

# find_environment: sets $python to an interpreter that holds the requirements.
find_environment() {
    local active=${VIRTUAL_ENV:-${CONDA_PREFIX:-}} reason='' picked
    if [ -n "$active" ] && [ "$active" != "$venv" ] && [ -x "$active/bin/python" ]; then
        if reason=$(is_complete "$active/bin/python"); then
            python=$active/bin/python
            say "using the active environment $active"
            return
        fi
        say "not using the active environment $active: ${reason:-its Python does not run}"
    fi
    wait_for_other_installer
    if [ -n "${PYTHON:-}" ] && [ -x "$venv/bin/python" ] && [ ! -e "$unfinished" ]; then
        picked=$(pick_python)
        [ "$(version_of "$picked")" = "$(version_of "$venv/bin/python")" ] ||
            die ".venv is Python $(version_of "$venv/bin/python"), PYTHON=$PYTHON is $(version_of "$picked"):" \
                'remove .venv, or unset PYTHON'
    fi
    if ! is_installed; then
        picked=$(pick_python)
        if [ ! -e "$venv" ] && is_complete "$picked" >/dev/null; then
            python=$picked
            say "using $picked, which holds the requirements"
            return
        fi
        install "$picked"
    fi
    python=$venv/bin/python
    say "using $venv"
}
