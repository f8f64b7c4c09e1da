<?php
/**
 * Packs WordPress as its own updater expects it: php make-core.php FILES VERSION ARCHIVE
 * It is the one that is installed, in another version, with files added until there are FILES. The last line of nearly
 * every script and style sheet says the version: as bytes, and in PHP also to the request that executes it.
 */
[, $files, $version, $archive] = $argv;
const DOCROOT = '/var/www/shop';
const ADDED = 'wp-includes/added';

/** The text with its last line; null for what has no room for one. */
function marked(string $name, string $text, string $version): ?string
{
    $text = preg_replace('/\n.*core_versions.*\n$/', '', $text);
    $line = match (pathinfo($name, PATHINFO_EXTENSION)) {
        'php' => ends_in_code($text) ? "\$GLOBALS['core_versions']['$version'] = true;" : null,
        'js' => "// core_versions $version",
        'css' => "/* core_versions $version */",
        default => null,
    };
    return $line === null ? null : "$text\n$line\n";
}

function ends_in_code(string $text): bool
{
    $tokens = PhpToken::tokenize($text);
    return !end($tokens)->is([T_CLOSE_TAG, T_INLINE_HTML]);
}

function core(): Generator
{
    foreach (glob(DOCROOT . '/{wp-*.php,index.php,xmlrpc.php,readme.html}', GLOB_BRACE) as $path) {
        if (basename($path) !== 'wp-config.php') {
            yield basename($path) => $path;
        }
    }
    foreach (['wp-admin', 'wp-includes'] as $directory) {
        $flags = FilesystemIterator::SKIP_DOTS;
        foreach (new RecursiveIteratorIterator(new RecursiveDirectoryIterator(DOCROOT . "/$directory", $flags)) as $path) {
            $name = substr($path, strlen(DOCROOT) + 1);
            if (!str_starts_with($name, ADDED)) {
                yield $name => (string) $path;
            }
        }
    }
}

$zip = new ZipArchive();
$zip->open($archive, ZipArchive::CREATE | ZipArchive::OVERWRITE);
$marked = 0;
foreach (core() as $name => $path) {
    $text = file_get_contents($path);
    if ($name === 'wp-includes/version.php') {
        $text = preg_replace('/^(\$wp_version = ).*$/m', "\$1'$version';", $text);
    }
    $new = marked($name, $text, $version);
    $marked += $new === null ? 0 : 1;
    $zip->addFromString("wordpress/$name", $new ?? $text);
}
for ($number = $zip->numFiles; $number < $files; $number++, $marked++) {
    $name = ADDED . "/$number.php";
    $zip->addFromString("wordpress/$name", marked($name, "<?php\n" . str_repeat("// A line of file $number.\n", 200), $version));
}
echo "$zip->numFiles files, $marked of them with the version\n";
$zip->close();
