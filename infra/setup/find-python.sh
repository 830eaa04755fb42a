#!/bin/sh
# Prints the path of the newest CPython 3.13, 3.12 or 3.11 that really runs, from PATH or pyenv; PYTHON overrides.
# With an argument (3.13), that version alone will do.
# A pyenv shim may exist and not run, and a distribution may leave out venv or ensurepip, so each candidate is tried.
set -u

# Prints the interpreter's own path if it is fit (a virtual environment names the one it was made from), else why not.
PROBE='
import os, sys
if sys.implementation.name != "cpython":
    sys.exit("is " + sys.implementation.name + ", not CPython")
if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    sys.exit("is Python %d.%d" % sys.version_info[:2])
if "t" in getattr(sys, "abiflags", ""):
    sys.exit("is a free-threaded build")
for name in ("ensurepip", "venv", "ssl", "zlib", "ctypes"):
    try:
        __import__(name)
    except ImportError:
        sys.exit("has no module " + name)
base = getattr(sys, "_base_executable", "") or sys.executable
print(base)
'
refused=''

# try CANDIDATE: prints its path and returns 0 if it is fit, else remembers why not.
try() {
    if found=$("$1" -I -c "$PROBE" 2>&1); then
        echo "$found"
        return 0
    fi
    reason=$(printf '%s\n' "$found" | sed -n '1p')
    refused="$refused
  $1: ${reason:-does not run}"
    return 1
}

# Every place a Python of MINOR may lie, best first, one a line.
candidates() {
    old_ifs=$IFS
    IFS=:
    for folder in $PATH; do
        [ -x "${folder:-.}/python$1" ] && printf '%s\n' "${folder:-.}/python$1"
    done
    IFS=$old_ifs
    for root in "${PYENV_ROOT:-}" "${HOME:-}/.pyenv"; do
        [ -d "$root/versions" ] || continue
        ls -1 "$root/versions" | grep "^3\.${1#3.}" | sort -t. -k3,3nr | while read -r version; do
            [ -x "$root/versions/$version/bin/python$1" ] && printf '%s\n' "$root/versions/$version/bin/python$1"
        done
    done
    [ "$plain_minor" = "$1" ] && command -v python3
}

if [ -n "${PYTHON:-}" ]; then
    # An explicit choice is taken or refused, never replaced by another.
    try "$(command -v "$PYTHON" || printf '%s' "$PYTHON")" && exit 0
    printf 'PYTHON=%s cannot be used:%s\n' "$PYTHON" "$refused" >&2
    exit 1
fi

plain_minor=$(python3 -I -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
newline='
'
for minor in ${1:-3.13 3.12 3.11}; do
    listed=$(candidates "$minor")
    old_ifs=$IFS
    IFS=$newline
    for candidate in $listed; do
        try "$candidate" && exit 0
    done
    IFS=$old_ifs
done

cat >&2 <<EOF
Headgate needs CPython 3.11, 3.12 or 3.13 with venv, and found none on PATH or under pyenv.${refused:+
Looked at:$refused}
To get one:
  Debian, Ubuntu   apt-get install python3 python3-venv
  Fedora           dnf install python3.13
  macOS            brew install python@3.13
  anywhere         pyenv install 3.13
or name one: make PYTHON=/path/to/python3.13 …
EOF
exit 1
