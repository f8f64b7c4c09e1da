<?php
/**
 * Plugin Name: Cart
 * Description: A cart in a PHP session, to show sessions in Redis: /?cart=show, /?cart=add&item=NAME
 */
add_action('init', function () {
    if (!isset($_GET['cart'])) {
        return;
    }
    session_start();
    if ($_GET['cart'] === 'add') {
        $_SESSION['cart'][] = substr((string) ($_GET['item'] ?? ''), 0, 40);
    }
    wp_send_json(['server' => gethostname(), 'items' => $_SESSION['cart'] ?? []]);
});
