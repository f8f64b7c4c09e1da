<?php
// The same file on every server: nothing in it belongs to one of them alone.
define('DB_NAME', 'shop');
define('DB_USER', 'shop');
define('DB_PASSWORD', '@DB_PASSWORD@');
// HAProxy, which knows the primary.
define('DB_HOST', 'front:3306');
define('DB_CHARSET', 'utf8mb4');
define('DB_COLLATE', '');
$table_prefix = 'wp_';

foreach (['AUTH_KEY', 'SECURE_AUTH_KEY', 'LOGGED_IN_KEY', 'NONCE_KEY', 'AUTH_SALT', 'SECURE_AUTH_SALT', 'LOGGED_IN_SALT',
    'NONCE_SALT'] as $key) {
    define($key, hash('sha256', "$key @SALT@"));
}

define('WP_HOME', '@URL@');
define('WP_SITEURL', '@URL@');
// The admin server writes into its docroot itself; app servers cannot write in theirs.
define('FS_METHOD', 'direct');
// Cron runs on the admin server, from its crontab, and not in the requests of visitors.
define('DISABLE_WP_CRON', true);
// For the example: no traffic to the internet, and no updates that come by themselves.
define('WP_HTTP_BLOCK_EXTERNAL', true);
define('AUTOMATIC_UPDATER_DISABLED', true);

if (!defined('ABSPATH')) {
    define('ABSPATH', __DIR__ . '/');
}
require_once ABSPATH . 'wp-settings.php';
