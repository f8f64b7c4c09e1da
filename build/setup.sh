#!/bin/sh
# Installs what is missing in this checkout, with any Node from 20 on: what every npm script does first.
#
# The workspace brings its own Node 26, and that needs a library which a bare Debian lacks. Without it nothing works, so
# that is said in one line before anything is fetched.
set -e
cd "$(dirname "$0")/.."

missing() {
    echo "rootferry: Node 26 needs libatomic.so.1, which is not here. Install it, as root, and try again:" \
        "apt-get install libatomic1   (Fedora, RHEL: dnf install libatomic)" >&2
    exit 1
}

is_there() {
    for file in /lib/*/libatomic.so.1 /usr/lib/*/libatomic.so.1 /lib64/libatomic.so.1 /usr/lib64/libatomic.so.1 \
        /usr/lib/libatomic.so.1; do
        [ -e "$file" ] && return 0
    done
    return 1
}

node=node_modules/.bin/node
if [ -x "$node" ]; then
    # What the loader says is the truth, wherever the library lies.
    case $("$node" -e 0 2>&1) in *libatomic.so.1*) missing ;; esac
elif [ "$(uname -s)" = Linux ]; then
    is_there || missing
fi
# `npm run --silent` would hide why it fails, too.
export npm_config_loglevel=error
cmp -s pnpm-lock.yaml node_modules/.pnpm/lock.yaml || npx -y pnpm@12 install --frozen-lockfile 1>&2
