<?php
/**
 * Which versions the files of WordPress have on this server: one, unless it is a half state.
 * /core-state.php?of=code looks at all the code of WordPress that this very request executes, and
 * /core-state.php?of=bytes at what is on the disk of a sample, without WordPress. make-core.php wrote the versions.
 */
$core_versions = [];
if ($_GET['of'] === 'code') {
    require __DIR__ . '/wp-load.php';
} else {
    foreach (file(__DIR__ . '/core-sample.txt', FILE_IGNORE_NEW_LINES) as $name) {
        $file = @fopen(__DIR__ . "/$name", 'r');
        $end = $file !== false && fseek($file, -60, SEEK_END) === 0 ? fread($file, 60) : '';
        $core_versions[preg_match('/core_versions\D+([\d.]+)/', $end, $found) === 1 ? $found[1] : 'missing'] = true;
    }
}
header('Content-Type: application/json');
header('Cache-Control: no-store');
echo json_encode(['server' => gethostname(), 'versions' => array_keys($core_versions)]);
