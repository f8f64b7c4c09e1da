<?php
/**
 * Makes a plugin of many files: php make-plugin.php FILES VERSION ARCHIVE
 * With it, /?large=1 answers which versions its files have: one, unless it is a half state.
 */
[, $files, $version, $archive] = $argv;
$zip = new ZipArchive();
$zip->open($archive, ZipArchive::CREATE | ZipArchive::OVERWRITE);
$zip->addFromString('large/large.php', <<<PHP
<?php
/**
 * Plugin Name: Large
 * Version: $version
 */
add_action('init', function () {
    if (!isset(\$_GET['large'])) {
        return;
    }
    \$versions = ['$version'];
    for (\$number = 0; \$number < $files; \$number += 20) {
        \$versions[] = @include __DIR__ . '/parts/' . intdiv(\$number, 100) . "/\$number.php";
    }
    wp_send_json(['server' => gethostname(), 'versions' => array_values(array_unique(\$versions))]);
});
PHP);
for ($number = 0; $number < $files; $number++) {
    $padding = str_repeat("// A line of part $number in version $version.\n", 20);
    $zip->addFromString('large/parts/' . intdiv($number, 100) . "/$number.php", "<?php\n{$padding}return '$version';\n");
}
$zip->close();
