<?php
/**
 * Updates a plugin as WordPress itself does, from cron or from its list of updates: php update-plugin.php PLUGIN VERSION ARCHIVE
 */
$_SERVER['HTTP_HOST'] = 'localhost';
require '/var/www/shop/wp-load.php';
require_once ABSPATH . 'wp-admin/includes/admin.php';
require_once ABSPATH . 'wp-admin/includes/class-wp-upgrader.php';

// Not before: WordPress has variables of these names.
[, $plugin, $version, $archive] = $argv;
$offer = (object) ['slug' => dirname($plugin), 'plugin' => $plugin, 'new_version' => $version, 'package' => $archive];
set_site_transient('update_plugins', (object) [
    'last_checked' => time(),
    'checked' => array_map(fn ($about) => $about['Version'], get_plugins()),
    'response' => [$plugin => $offer],
    'no_update' => [],
    'translations' => [],
]);
$result = (new Plugin_Upgrader(new Automatic_Upgrader_Skin()))->bulk_upgrade([$plugin]);
echo json_encode($result), "\n";
exit(is_array($result) && is_array($result[$plugin] ?? null) ? 0 : 1);
