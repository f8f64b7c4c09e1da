<?php
/** Deactivates a plugin, also one that is not there: php forget-plugin.php PLUGIN */
$_SERVER['HTTP_HOST'] = 'localhost';
require '/var/www/shop/wp-load.php';
require_once ABSPATH . 'wp-admin/includes/admin.php';
deactivate_plugins($argv[1], true);
