/** The paths on the machines of a simulated farm. */
export const ROOT = 'shop'
export const SOURCE = '/srv/shop'
export const TARGET = '/srv/shop'
export const STATE = '/var/lib/rootferry'
export const INDEX_FILE = `${STATE}/roots/${ROOT}/index.db`
export const LEDGER_FILE = `${STATE}/roots/${ROOT}/ledger.sqlite`
