# Sourced: turns servers on and off, and lays the lines between them.
#
# All servers and this machine hang on one switch, a bridge in a network namespace of its own, so that no rule of this
# machine's packet filter is in the way. Namespaces and lines are gone with the last process in them.
# shellcheck shell=bash disable=SC2153

# begin_namespaces NAME OPTION… PROGRAM…: runs a program as `unshare` does, and notes the process that it becomes.
begin_namespaces() {
  local name=$1
  shift
  mkdir -p "$SHOP/servers/$name"
  SHOP_SERVER="$name $SHOP" setsid unshare --fork --kill-child --net --mount "$@" \
    >>"$SHOP/servers/$name/console.log" 2>&1 </dev/null &
  local outer=$! id=
  for _ in $(seq 200); do
    # There is a child once the namespaces are there.
    id=$({ tr -d ' ' <"/proc/$outer/task/$outer/children"; } 2>/dev/null || true)
    [ -z "$id" ] || break
    sleep 0.02
  done
  echo "$id" >"$SHOP/servers/$name/pid"
  # Not while it turns from `unshare` into the program.
  for _ in $(seq 100); do
    [ -n "$id" ] && is_on "$name" && return
    kill -0 "$outer" 2>/dev/null || break
    sleep 0.1
  done
  fail "$name does not start: $(tail -n 1 "$SHOP/servers/$name/console.log")"
}

is_on() {
  [ -n "$(process_of "$1")" ]
}

on_switch() {
  nsenter -t "$(process_of switch)" -n "$@"
}

switch_on() {
  local name=$1 id
  begin_namespaces "$name" --pid --mount-proc --uts --ipc \
    "$HERE/parts/server" "$name" "$SHOP/servers/$name" "$CHECKOUT" "$NET.${SERVERS[$name]}"
  id=$(process_of "$name")
  # A line of the same name may still be on its way out.
  wait_for "a line to $name" 10 on_switch ip link add "to-$name" type veth peer name eth0 netns "$id"
  on_switch ip link set "to-$name" master bridge0 up
  wait_for "$name" 10 inside "$name" test -e /run/up
}

switch_off() {
  local id
  id=$(process_of "$1")
  [ -n "$id" ] || return 0
  [ "$1" = switch ] || on_switch ip link delete "to-$1" 2>/dev/null || true
  kill -KILL "$id"
  while [ -n "$(process_of "$1")" ]; do sleep 0.02; done
  rm -f "$SHOP/servers/$1/pid"
}

build_network() {
  begin_namespaces switch sleep infinity
  on_switch ip link add bridge0 type bridge
  on_switch ip link set bridge0 up
  ip link add "$LINK" type veth peer name to-machine netns "$(process_of switch)"
  on_switch ip link set to-machine master bridge0 up
  ip address add "$NET.1/24" dev "$LINK"
  ip link set "$LINK" up
}
