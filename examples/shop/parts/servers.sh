# Sourced: what each server is made of. A server's own files are below $SHOP/servers/NAME; the ones from `etc` beside
# this folder have words such as @URL@ replaced.
# shellcheck shell=bash disable=SC2153

# What programs of Debian need of /etc.
BASE_ETC=(
  passwd group nsswitch.conf ld.so.cache ld.so.conf ld.so.conf.d alternatives mime.types localtime timezone services
  protocols debian_version profile bash.bashrc terminfo php
)

# fill FROM TO WORD=TEXT…: copies a file or a folder, and replaces words.
fill() {
  local from=$1 to=$2 pair edits=()
  shift 2
  for pair in "$@" "NET=$NET" "URL=$URL"; do edits+=(-e "s|@${pair%%=*}@|${pair#*=}|g"); done
  mkdir -p "$(dirname "$to")"
  cp -r --no-target-directory "$from" "$to"
  find "$to" -type f -exec sed -i "${edits[@]}" {} +
}

secret() {
  cat "$SHOP/secrets/$1"
}

make_secrets() {
  local name
  mkdir -p "$SHOP/secrets"
  for name in admin database replica salt; do openssl rand -hex 12 >"$SHOP/secrets/$name"; done
}

# lay_out NAME: the base of a server. Nothing secret of this machine is in it.
lay_out() {
  local tree=$SHOP/servers/$1 name
  mkdir -p "$tree"/etc/ssl "$tree"/var/{lib,log,www}
  for name in "${BASE_ETC[@]}"; do [ ! -e "/etc/$name" ] || cp -a "/etc/$name" "$tree/etc/"; done
  cp -a /etc/ssl/certs /etc/ssl/openssl.cnf "$tree/etc/ssl/"
  echo "$1" >"$tree/etc/hostname"
  fill "$HERE/etc/hosts" "$tree/etc/hosts"
}

# with_apache NAME KIND: Debian's Apache with our site, as on the admin server or an app server.
with_apache() {
  local tree=$SHOP/servers/$1 kind=$2 modules=(rewrite remoteip headers expires)
  [ "$kind" = admin ] || modules+=(proxy proxy_http)
  mkdir -p "$tree"/etc/apache2/{mods-enabled,conf-enabled,sites-enabled}
  cp -a /etc/apache2/{apache2.conf,ports.conf,envvars,magic,mods-available,conf-available} "$tree/etc/apache2/"
  # What the package turns on, and not what somebody has changed on this machine.
  modules+=(
    access_compat alias auth_basic authn_core authn_file authz_core authz_host authz_user autoindex deflate dir env filter
    mime negotiation reqtimeout setenvif mpm_prefork php8.2
  )
  fill "$HERE/etc/$kind/apache2" "$tree/etc/apache2" "NAME=$1"
  fill "$HERE/etc/$kind/php" "$tree/etc/php/8.2/apache2/conf.d"
  echo 'ServerName localhost' >"$tree/etc/apache2/conf-enabled/name.conf"
  switch_on "$1"
  inside "$1" a2enmod -q "${modules[@]}"
  inside "$1" a2ensite -q shop
}

make_front() {
  local tree=$SHOP/servers/front
  lay_out front
  fill "$HERE/etc/front/nginx" "$tree/etc/nginx"
  cp -a /etc/nginx/mime.types "$tree/etc/nginx/"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=$NET.5" \
    -addext "subjectAltName=IP:$NET.5" -keyout "$tree/etc/nginx/shop.key" -out "$tree/etc/nginx/shop.crt"
  fill "$HERE/etc/front/haproxy" "$tree/etc/haproxy"
  fill "$HERE/etc/front/varnish" "$tree/etc/varnish"
  switch_on front
}

make_sessions() {
  lay_out sessions
  fill "$HERE/etc/sessions/redis" "$SHOP/servers/sessions/etc/redis"
  mkdir -p "$SHOP/servers/sessions/var/lib/redis"
  switch_on sessions
  service sessions start redis
}

sql() {
  local server=$1
  shift
  inside "$server" mariadb --defaults-file=/etc/mysql/my.cnf -BN "$@"
}

make_database() {
  local name=$1 tree=$SHOP/servers/$1
  lay_out "$name"
  fill "$HERE/etc/db/mysql" "$tree/etc/mysql" "SERVER_ID=${SERVERS[$name]}"
  install -d -o mysql "$tree/var/lib/mysql"
  switch_on "$name"
  inside "$name" mariadb-install-db --no-defaults --user=mysql --datadir=/var/lib/mysql \
    --auth-root-authentication-method=normal --skip-test-db
  service "$name" start mariadb
}

make_databases() {
  make_database db1 &
  local first=$!
  make_database db2
  wait "$first"
  wait_for 'the databases' 60 sql db1 -e 'SELECT 1'
  wait_for 'the databases' 60 sql db2 -e 'SELECT 1'
  sql db1 -e "SET GLOBAL read_only = 0;
    CREATE DATABASE shop;
    CREATE USER shop@'%' IDENTIFIED BY '$(secret database)';
    GRANT ALL ON shop.* TO shop@'%';
    CREATE USER replica@'%' IDENTIFIED BY '$(secret replica)';
    GRANT REPLICATION SLAVE ON *.* TO replica@'%';
    CREATE USER 'check'@'%';"
  follow db2 db1
}

# follow SERVER PRIMARY: makes a database server a replica, which goes on where it is.
follow() {
  sql "$1" -e "STOP SLAVE;
    CHANGE MASTER TO MASTER_HOST = '$NET.${SERVERS[$2]}', MASTER_USER = 'replica',
      MASTER_PASSWORD = '$(secret replica)', MASTER_USE_GTID = current_pos;
    START SLAVE;"
}

make_admin() {
  lay_out admin
  with_apache admin admin
  service admin start apache2
}

# make_app NAME [SIZE]: with SIZE, its docroot is a file system of its own, in memory.
make_app() {
  local tree=$SHOP/servers/$1
  lay_out "$1"
  with_apache "$1" app
  inside "$1" install -d -g www-data -m 750 /var/www/shop
  [ -z "${2:-}" ] || inside "$1" mount -t tmpfs -o "size=$2,mode=750" tmpfs /var/www/shop
  service "$1" start apache2
}

# As README says: an invitation from the admin server, and `join` on the app server.
join_app() {
  local name=$1 yaml=$SHOP/servers/$1/etc/rootferry/receiver.yaml invitation
  invitation=$(inside admin rootferry-agent token create "$name" --join --expires 1h --url wss://admin:8730)
  inside "$name" rootferry-receiver join - --root shop=/var/www/shop --owner root:www-data <<<"$invitation"
  # What this server needs besides.
  fill "$HERE/etc/app/rootferry/receiver.yaml" "$yaml.new" "NAME=$name" \
    "FINGERPRINT=$(sed -n 's/^fingerprint: //p' "$yaml")"
  mv "$yaml.new" "$yaml"
  inside "$name" rootferry-receiver config check /etc/rootferry/receiver.yaml
  service "$name" start receiver
}

# start_services SERVER: what it starts when it is switched on.
start_services() {
  case $1 in
    front) service front start haproxy varnish nginx ;;
    admin) service admin start apache2 agent cron ;;
    app*) service "$1" start apache2 receiver ;;
    db*) service "$1" start mariadb ;;
    sessions) service sessions start redis ;;
  esac
}

is_ready() {
  inside "$1" curl -fsS http://127.0.0.1:8732/readyz
}

has_visitors() {
  inside front varnishadm -n /run/varnishd backend.list | grep -Eq "$1 .*healthy"
}
