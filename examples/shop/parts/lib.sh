# Sourced by every command of the example: places, addresses, and words.
#
#   ROOTFERRY_SHOP_DIR   the working folder: everything that the example makes lies in it
#   ROOTFERRY_SHOP_NET   the first three numbers of the addresses of its servers
# shellcheck shell=bash disable=SC2034
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CHECKOUT=$(cd "$HERE/../.." && pwd)
SHOP=${ROOTFERRY_SHOP_DIR:-/var/tmp/rootferry-shop}
NET=${ROOTFERRY_SHOP_NET:-10.88.20}
# By this file `down` knows a folder that `up` made. It holds what `up` was given, for the other commands.
MARK=$SHOP/.rootferry-shop
# shellcheck source=/dev/null
[ ! -e "$MARK" ] || . "$MARK"
# The end of the line between this machine and the servers.
LINK=rfshop$(cut -d . -f 3 <<<"$NET")
URL=https://$NET.5

# Every server and the last number of its address.
declare -A SERVERS=([front]=5 [admin]=10 [app1]=11 [app2]=12 [app3]=13 [db1]=21 [db2]=22 [sessions]=30)

fail() {
  echo "${0##*/}: $*" >&2
  exit 1
}

needs_root() {
  [ "$(id -u)" = 0 ] || fail "namespaces need root"
}

needs_shop() {
  [ -e "$MARK" ] || fail "there is no shop in $SHOP: examples/shop/up builds one"
}

# step WORDS -- COMMAND…: says what is being done, and how long it took. What the command says goes to the log.
step() {
  local words=$1 began
  shift 2
  began=$(date +%s%N)
  printf '  %-58s' "$words"
  # In the background, because `set -e` means nothing in a command that is a condition.
  "$@" >>"$SHOP/up.log" 2>&1 &
  if ! wait $!; then
    echo failed
    tail -n 15 "$SHOP/up.log" >&2
    fail "'$words' failed; all of it is in $SHOP/up.log"
  fi
  printf '%5.1f s\n' "$((($(date +%s%N) - began) / 100000000))e-1"
}

# wait_for WORDS SECONDS COMMAND…: until the command succeeds.
wait_for() {
  local words=$1 last=$((SECONDS + $2))
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$last" ] || fail "waited in vain for $words"
    sleep 0.1
  done
}

# The process of this machine that is the first one of a server; nothing when it is off.
process_of() {
  local id
  id=$(cat "$SHOP/servers/$1/pid" 2>/dev/null) && [ -r "/proc/$id/environ" ] || return 0
  # A number may have been given to another process since.
  if { tr '\0' '\n' <"/proc/$id/environ" | grep -qx "SHOP_SERVER=$1 $SHOP"; } 2>/dev/null; then echo "$id"; fi
}

# inside SERVER COMMAND…
inside() {
  local server=$1 id
  shift
  id=$(process_of "$server")
  [ -n "$id" ] || fail "$server is off"
  nsenter -t "$id" --root --mount --uts --ipc --net --pid -- env -C / -i HOME=/root TERM="${TERM:-dumb}" LANG=C.UTF-8 \
    PATH=/opt/rootferry/node_modules/.bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

# service SERVER start|stop|kill NAME…
service() {
  local server=$1
  shift
  inside "$server" /opt/rootferry/examples/shop/parts/service "$@"
}
