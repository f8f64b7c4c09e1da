<?php
/**
 * Tells Varnish what has changed: a hook `afterAll` of the agent. The paths are on stdin, each ended by a NUL.
 *
 * Code may change any page, so a change of code empties the cache, as does a change of very many files. Other files are
 * purged by their URL, also when Varnish only remembers that they were missing.
 */
const MOST_URLS = 500;
const VARNISH = 'http://front:6081';

function purge(array $urls, string $what): void
{
    $line = curl_init();
    foreach ($urls as $url) {
        curl_setopt_array($line, [
            CURLOPT_URL => VARNISH . $url,
            CURLOPT_CUSTOMREQUEST => 'BAN',
            CURLOPT_HTTPHEADER => ["X-Ban: $what"],
            CURLOPT_RETURNTRANSFER => true,
            CURLOPT_TIMEOUT => 5,
            CURLOPT_PATH_AS_IS => true,
        ]);
        curl_exec($line);
        $status = curl_getinfo($line, CURLINFO_RESPONSE_CODE);
        if ($status !== 200) {
            // Rootferry runs the hook again with the same paths.
            fwrite(STDERR, "Varnish answers $status to BAN $url: " . curl_error($line) . "\n");
            exit(1);
        }
    }
}

/** As browsers write it. */
function urlOf(string $path): string
{
    $keep = "/!$&'()*+,;=:@";
    return '/' . strtr(rawurlencode($path), array_combine(array_map('rawurlencode', str_split($keep)), str_split($keep)));
}

$paths = array_filter(explode("\0", stream_get_contents(STDIN)), fn ($path) => $path !== '');
$isCode = fn ($path) => preg_match('/\.(php|phtml|inc|html|json|xml|mo)$/', $path) === 1;
if (getenv('ROOTFERRY_OMITTED') > 0 || count($paths) > MOST_URLS || array_filter($paths, $isCode) !== []) {
    purge(['/'], 'everything');
} else {
    purge(array_map('urlOf', $paths), 'this');
}
