/**
 * Exclude patterns by name of the shop's software: what that software writes for one machine only. Each pattern comes
 * with its reason, which docs/configuration.md prints.
 *
 * Conservative on purpose: a pattern is here because every node writes the place itself or must not have it. Media,
 * generated code and generated static content stay in. So does configuration, which a receiver protects for itself.
 * An excluded directory is not created on the receivers either; the reason says so where the software does not create
 * it. Patterns are anchored at the root that the software's documentation calls the installation directory.
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
  },
  shopware6: {
    '/var/cache/': 'compiled container and templates, built per node and tied to its paths',
    '/var/log/': 'each node logs for itself',
    '/var/sessions/': 'sessions in files',
  },
  oxid: {
    '/source/tmp/': 'compiled templates and caches; the directory must exist on every node',
    '/source/log/': 'each node logs for itself',
    '/var/cache/': 'compiled container of this node',
  },
  wordpress: {
    '/wp-content/cache/': 'page caches of plugins; each node keeps its own',
    '/wp-content/upgrade/': 'updates while they are being unpacked',
    '/wp-content/upgrade-temp-backup/': 'the old version while an update runs',
    '/wp-content/wflogs/': 'firewall state of Wordfence, which every request of this node locks and writes',
    '/wp-content/uploads/wc-logs/': 'WooCommerce logs',
    '/wp-content/debug.log': 'each node logs for itself',
    '/.maintenance': 'takes the node that has it out of service while an update runs',
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
  shopware6: undefined,
  oxid: undefined,
  wordpress: { while: ['/.maintenance'], show: false },
}

export type PresetName = keyof typeof PRESETS

/** In the order of the table, for schemas and messages. */
export const PRESET_NAMES = Object.keys(PRESETS) as PresetName[]
