/** The paths on the machines of a simulated farm. */
export const ROOT = 'shop'
export const SOURCE = '/srv/shop'
export const TARGET = '/srv/shop'
/** Where another filesystem is mounted in some targets, and a file there that no agent ever had. */
export const BORDER = 'd'
export const OWN_FILE = 'of this host'
export const BORDER_DEVICE = 3
/** Where a volume is mounted that the source and the targets share. */
export const SHARED = 'media'
export const SHARED_DEVICE = 4
/** Names of directories that were targets begin with this. */
export const REPLACED = 'was.'
export const STATE = '/var/lib/rootferry'
export const INDEX_FILE = `${STATE}/roots/${ROOT}/index.db`
export const LEDGER_FILE = `${STATE}/roots/${ROOT}/ledger.sqlite`
