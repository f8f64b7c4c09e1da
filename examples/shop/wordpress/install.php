<?php
/**
 * Installs WordPress into its database, on the admin server: php install.php DOCROOT < PASSWORD
 * The password of the user `admin` is on stdin.
 */
define('WP_INSTALLING', true);
[, $docroot] = $argv;
$_SERVER['HTTP_HOST'] = 'localhost';
require "$docroot/wp-load.php";
require_once ABSPATH . 'wp-admin/includes/upgrade.php';

wp_install('The shop', 'admin', 'admin@example.invalid', true, '', trim(fgets(STDIN)));
update_option('permalink_structure', '/%postname%/');
flush_rewrite_rules(false);
for ($number = 1; $number <= 5; $number++) {
    wp_insert_post([
        'post_title' => "Product $number",
        'post_name' => "product-$number",
        'post_content' => "<!-- wp:paragraph --><p>What is to be said of product $number.</p><!-- /wp:paragraph -->",
        'post_status' => 'publish',
        'post_author' => 1,
    ]);
}
