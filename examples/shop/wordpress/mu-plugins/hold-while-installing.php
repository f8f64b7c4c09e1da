<?php
/**
 * Plugin Name: Hold while installing
 * Description: Makes a file while WordPress, plugins and themes are installed, upgraded or removed, for which Rootferry
 *   holds the docroot.
 *
 * WordPress makes /.maintenance only while it updates itself and plugins that are active, and not for a .zip that is
 * uploaded. When it updates itself it replaces its first file before that, and removes old files and adds themes after it.
 * With this file everything that the upgrader does comes to the app servers as one release.
 */
const HOLD_FILE = ABSPATH . '.rootferry-hold';

function begin_hold(): void
{
    touch(HOLD_FILE);
    // Also when PHP dies. What is killed leaves the file, and Rootferry's status says that the hold is overdue.
    register_shutdown_function('end_hold');
}

function end_hold(): void
{
    if (is_file(HOLD_FILE)) {
        unlink(HOLD_FILE);
    }
}

add_filter('upgrader_pre_install', function ($result) {
    begin_hold();
    return $result;
}, 1);
// The updater of WordPress itself calls no filter later than this one, before it replaces a file.
add_filter('upgrader_pre_download', function ($reply, $package, $upgrader) {
    if ($upgrader instanceof Core_Upgrader) {
        begin_hold();
    }
    return $reply;
}, 1, 3);
add_action('upgrader_process_complete', 'end_hold', 99);
foreach (['plugin', 'theme'] as $kind) {
    add_action("delete_$kind", 'begin_hold', 1, 0);
    add_action("deleted_$kind", 'end_hold', 99, 0);
}
