# Sourced: gets Debian's packages. Nothing that is installed here is started or enabled.
# shellcheck shell=bash

PACKAGES=(
  apache2 libapache2-mod-php8.2 php8.2-cli php8.2-mysql php8.2-gd php8.2-xml php8.2-mbstring php8.2-curl php8.2-intl
  php8.2-zip php8.2-soap php-redis mariadb-server mariadb-client redis-server varnish nginx haproxy
  iproute2 procps util-linux openssl ca-certificates curl libatomic1
)
# Units that the packages above would enable.
UNITS=(apache2 mariadb redis-server varnish varnishncsa nginx haproxy)
# What WordPress is made of. These are unpacked into the working folder and not installed.
WORDPRESS=(
  wordpress wordpress-theme-twentytwentythree php-getid3 libjs-cropper libjs-prototype libjs-scriptaculous
  libjs-underscore
)

is_installed() {
  [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null)" = "ii " ]
}

# A shell of its own, so that its trap is over with it.
install_packages() (
  local missing=() name policy=/usr/sbin/policy-rc.d
  for name in "${PACKAGES[@]}"; do
    # Any nginx will do.
    if [ "$name" = nginx ] && [ -x /usr/sbin/nginx ]; then continue; fi
    is_installed "$name" || missing+=("$name")
  done
  [ "${#missing[@]}" -gt 0 ] || return 0
  local known=() unit
  for unit in "${UNITS[@]}"; do [ ! -e "/lib/systemd/system/$unit.service" ] || known+=("$unit"); done
  # With this file packages start no service: invoke-rc.d(8). One that is there already is left as it is.
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    # shellcheck disable=SC2064
    trap "rm -f $policy" EXIT
  fi
  apt-get update -q || true
  DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
  # Nor at the next boot, unless the unit was on this machine before.
  if command -v systemctl >/dev/null; then
    for unit in "${UNITS[@]}"; do
      case " ${known[*]} " in *" $unit "*) ;; *) systemctl disable --quiet "$unit" 2>/dev/null || true ;; esac
    done
  fi
)

download_wordpress() (
  local place=$SHOP/packages file
  mkdir -p "$place"
  cd "$place" || exit
  apt-get download -q "${WORDPRESS[@]}"
  for file in *.deb; do dpkg-deb -x "$file" "$place/unpacked"; done
)
