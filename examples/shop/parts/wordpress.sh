# Sourced: WordPress as the application.
# shellcheck shell=bash disable=SC2034,SC2153

PRESET=wordpress
MAINTENANCE=/.maintenance
ADMIN_PAGE=/wp-admin/

get_application() {
  download_wordpress
}

prepare_application() {
  local docroot=$SHOP/servers/admin/var/www/shop unpacked=$SHOP/packages/unpacked
  mkdir -p "$docroot"
  # Debian's package links into other packages; a docroot has files.
  rm -f "$unpacked"/usr/share/wordpress/{wp-config.php,.htaccess}
  ln -sf /etc/ssl/certs/ca-certificates.crt "$unpacked/usr/share/wordpress/wp-includes/certificates/ca-bundle.crt"
  cp -rL --no-target-directory "$unpacked/usr/share/wordpress" "$docroot"
  fill "$HERE/wordpress/wp-config.php" "$docroot/wp-config.php" "DB_PASSWORD=$(secret database)" "SALT=$(secret salt)"
  cp -r "$HERE/wordpress/mu-plugins" "$docroot/wp-content/"
  cp "$HERE/wordpress/htaccess" "$docroot/.htaccess"
  mkdir -p "$docroot/wp-content/uploads"
  chown -R www-data:www-data "$docroot"
  chmod -R u=rwX,go=rX "$docroot"
  chmod 640 "$docroot/wp-config.php"
}

install_application() {
  inside admin setpriv --reuid www-data --regid www-data --init-groups \
    php /opt/rootferry/examples/shop/wordpress/install.php /var/www/shop <"$SHOP/secrets/admin"
}
