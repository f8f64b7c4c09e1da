# Sourced: OpenMage as the application, from the checkout that `up --openmage` names. Tried with v20.0.20, which needs no
# composer.
# shellcheck shell=bash disable=SC2034,SC2153

PRESET=openmage
MAINTENANCE=/maintenance.flag
ADMIN_PAGE=/admin/

get_application() {
  [ -e "$OPENMAGE/vendor/autoload.php" ] || [ -e "$OPENMAGE/lib/Zend/Controller/Front.php" ] ||
    fail "$OPENMAGE has neither vendor/ nor lib/Zend: run composer install there, or take v20.0.20"
}

prepare_application() {
  local docroot=$SHOP/servers/admin/var/www/shop
  mkdir -p "$docroot"
  tar -C "$OPENMAGE" --exclude=./.git --exclude=./.github --exclude=./dev -cf - . | tar -C "$docroot" -xf -
  # Sessions and the cache in Redis: OpenMage reads every file app/etc/*.xml.
  cp "$HERE/openmage/shop.xml" "$docroot/app/etc/"
  chown -R www-data:www-data "$docroot"
  chmod -R u=rwX,go=rX "$docroot"
}

install_application() {
  # Its installer takes no password from stdin; whoever sees it in the list of processes is on this machine.
  inside admin setpriv --reuid www-data --regid www-data --init-groups \
    php -d error_reporting=22527 -d memory_limit=512M /var/www/shop/install.php -- \
    --license_agreement_accepted yes --locale en_US --timezone UTC --default_currency EUR \
    --db_host front:3306 --db_name shop --db_user shop --db_pass "$(secret database)" \
    --url "$URL/" --skip_url_validation yes --use_rewrites yes \
    --use_secure yes --secure_base_url "$URL/" --use_secure_admin yes \
    --admin_lastname Owner --admin_firstname Store --admin_email admin@example.com \
    --admin_username admin --admin_password "$(secret admin)"
  # local.xml has the last word, and its installer knows files only.
  sed -i 's|<session_save>.*</session_save>|<session_save>redis</session_save>|' \
    "$SHOP/servers/admin/var/www/shop/app/etc/local.xml"
}
