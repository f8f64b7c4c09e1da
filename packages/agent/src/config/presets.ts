/**
 * Exclude patterns by name of the software: what it writes for one machine only. Each pattern comes with its reason,
 * which docs/configuration.md prints.
 *
 * Conservative on purpose: a pattern is here because every node writes the place itself or must not have it. Media,
 * generated code and generated static content stay in. So does configuration, which a receiver protects for itself.
 * An excluded directory is not created on the receivers either: where the software does not create it, or keeps a file
 * in it that forbids access, its content is excluded and that file is not. Patterns are anchored at the root that the
 * software's documentation calls the installation directory.
 *
 * Compared in November 2026 with the projects' own ignore files. As of 2026: OpenMage e18d6107, Shopware's recipes
 * f282a22; as of 2024: OXID eShop c6291bb1, the base distribution of TYPO3 3bf6768; of these an older state only: Magento
 * 02a9a0ea, Drupal 1167235b, PrestaShop 00e976ee, Joomla 00515239, Nextcloud 0120f3fd. And with the pages of their
 * documentation about directories (TYPO3: Environment; Drupal: TwigPhpStorageCache; Shopware: cluster setup).
 */
export const PRESETS = {
  magento2: {
    '/var/cache/': 'file cache of this node; rebuilt on demand',
    '/var/page_cache/': 'full-page cache of this node',
    '/var/session/': 'sessions in files: written by every request',
    '/var/log/': 'each node logs for itself',
    '/var/report/': 'error reports, named by the number that a visitor of that node saw',
    '/var/tmp/': 'scratch files of running imports and exports',
    '/var/backups/': 'database dumps and code archives: large, and of no use on a web node',
    '/var/composer_home/': 'auth.json with the keys of the repositories, and caches of Composer',
    '/var/export/': 'exported customers and orders, for the administrator who asked for them',
    '/var/import/': 'files that wait to be imported by the admin server',
    '/var/import_history/': 'files that were imported, with their data',
    '/var/importexport/': 'working files of imports and exports',
    '/auth.json': 'keys of the repositories of Composer, of no use on a web node',
  },
  openmage: {
    '/var/cache/': 'file cache of this node',
    '/var/full_page_cache/': 'full-page cache of this node',
    '/var/session/': 'sessions in files',
    '/var/log/': 'each node logs for itself',
    '/var/report/': 'error reports',
    '/var/locks/': "index and cron locks of this node's processes",
    '/var/tmp/': 'scratch files',
    '/var/backups/': 'database dumps',
    '/var/export/': 'exported customers and orders',
    '/var/importexport/': 'working files of imports and exports',
    '/var/api/': 'pictures that clients of the API upload, for a moment',
    '/media/css/': 'stylesheets that this node merges on demand',
    '/media/css_secure/': 'the same for pages over TLS',
    '/media/js/': 'scripts that this node merges on demand',
  },
  shopware6: {
    '/var/cache/': 'compiled container and templates, built per node and tied to its paths',
    '/var/log/': 'each node logs for itself',
    '/var/sessions/': 'sessions in files',
    '/var/queue/': 'messages in files, for the workers of this node',
    '/var/test/': 'files of test runs',
    '/var/services/': 'working files of this node',
    '/.cache/': 'caches of build tools',
    '/auth.json': 'keys of the repositories of Composer, of no use on a web node',
  },
  oxid: {
    '/source/tmp/*': 'compiled templates and caches; the directory must exist on every node',
    '!/source/tmp/.htaccess': 'forbids access to the directory',
    '/source/log/*': 'each node logs for itself',
    '!/source/log/.htaccess': 'forbids access to the directory',
    '/source/cache/*': 'dynamic content cache of this node',
    '!/source/cache/.htaccess': 'forbids access to the directory',
    '!/source/cache/dir.txt': 'says what the directory is for',
    '/var/cache/': 'compiled container of this node',
    '/auth.json': 'keys of the repositories of Composer, of no use on a web node',
  },
  wordpress: {
    '/wp-content/cache/': 'page caches of plugins; each node keeps its own',
    '/wp-content/upgrade/': 'updates while they are being unpacked',
    '/wp-content/upgrade-temp-backup/': 'the old version while an update runs',
    '/wp-content/wflogs/': 'firewall state of Wordfence, which every request of this node locks and writes',
    '/wp-content/uploads/wc-logs/': 'WooCommerce logs',
    '/wp-content/debug.log': 'each node logs for itself',
    '/wp-content/updraft/': 'backups of UpdraftPlus: large, and with the database',
    '/wp-content/ai1wm-backups/': 'backups of All-in-One WP Migration',
    '/wp-content/backups-dup-lite/': 'backups of Duplicator',
    '/wp-content/backups-dup-pro/': 'backups of Duplicator Pro',
    '/wp-content/uploads/backwpup-*/': 'backups, logs and working files of BackWPup',
    '/wp-content/uploads/backupbuddy_*/': 'backups and working files of BackupBuddy',
    '/wp-content/backup-db/': 'database dumps of WP-DBManager',
    '/.maintenance': 'takes the node that has it out of service while an update runs',
  },
  typo3: {
    '/var/cache/': 'caches and compiled code of this node',
    '/var/log/': 'each node logs for itself',
    '/var/lock/': "locks of this node's processes",
    '/var/session/': 'sessions of the install tool',
    '/var/transient/': 'scratch files',
    '/typo3temp/var/': 'the same five without Composer; what visitors fetch from typo3temp/assets is sent',
    '/auth.json': 'keys of the repositories of Composer, of no use on a web node',
  },
  drupal: {
    '/sites/*/files/php/': 'compiled templates, named and protected by times and keys of this node',
    '/web/sites/*/files/php/': 'the same where the root is the project of Composer',
    '/sites/simpletest/': 'sites of test runs',
    '/web/sites/simpletest/': 'the same where the root is the project of Composer',
    '/auth.json': 'keys of the repositories of Composer, of no use on a web node',
  },
  prestashop: {
    '/var/cache/': 'compiled container, templates and class index of this node',
    '/var/logs/': 'each node logs for itself',
    '/var/sessions/': 'sessions in files',
    '/cache/cachefs/*': 'file cache of this node',
    '!/cache/cachefs/index.php': 'forbids the listing of the directory',
    '/cache/smarty/cache/*': 'cached pages of this node',
    '!/cache/smarty/cache/index.php': 'forbids the listing of the directory',
    '/cache/smarty/compile/*': 'compiled templates of this node',
    '!/cache/smarty/compile/index.php': 'forbids the listing of the directory',
    '/cache/tcpdf/*': 'working files of PDF documents',
    '!/cache/tcpdf/index.php': 'forbids the listing of the directory',
    '/cache/class_index.php': 'class index with absolute paths, rebuilt on demand',
    '/log/*.log': 'each node logs for itself',
    '/admin*/autoupgrade/': 'downloads and backups of the upgrade module',
    '/admin*/backups/*': 'database dumps',
    '!/admin*/backups/index.php': 'forbids the listing of the directory',
  },
  joomla: {
    '/cache/*': 'file cache of this node; the directory must exist on every node',
    '!/cache/index.html': 'forbids the listing of the directory',
    '/administrator/cache/*': 'file cache of the administration',
    '!/administrator/cache/index.html': 'forbids the listing of the directory',
    '/tmp/*': 'uploads and updates while they are being unpacked',
    '!/tmp/index.html': 'forbids the listing of the directory',
    '/administrator/logs/*': 'each node logs for itself',
    '!/administrator/logs/index.html': 'forbids the listing of the directory',
    '/logs/*': 'the same in older versions',
    '!/logs/index.html': 'forbids the listing of the directory',
    '/administrator/components/com_akeeba*/backup/*': 'backups of Akeeba Backup: large, and with the database',
    '!/administrator/components/com_akeeba*/backup/.htaccess': 'forbids access to the directory',
  },
  nextcloud: {
    '/data/': 'files of users, which every node writes: put them on storage that all nodes share',
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, string>>>>

/**
 * The maintenance files of the software. With `show` the file travels: software that migrates a database which all
 * nodes share must show its maintenance page on all of them. WordPress migrates after its files are in place, so the
 * nodes go on serving the old version whole.
 */
export const PRESET_HOLDS: Readonly<Record<PresetName, { while: readonly string[]; show: boolean } | undefined>> = {
  magento2: { while: ['/var/.maintenance.flag'], show: true },
  openmage: { while: ['/maintenance.flag'], show: true },
  // Up to 6.4, whose index.php shows its maintenance page while that file exists. Later versions have no such file.
  shopware6: { while: ['/files/update/update.json'], show: true },
  oxid: undefined,
  wordpress: { while: ['/.maintenance'], show: false },
  // These say in a database or a configuration file that they are under maintenance.
  typo3: undefined,
  drupal: undefined,
  prestashop: undefined,
  joomla: undefined,
  nextcloud: undefined,
}

export type PresetName = keyof typeof PRESETS

/** In the order of the table, for schemas and messages. */
export const PRESET_NAMES = Object.keys(PRESETS) as PresetName[]
