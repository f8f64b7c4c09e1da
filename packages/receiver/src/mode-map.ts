/**
 * The modes that entries get here, out of those that they have on the admin server: `preserve`, or changes as of
 * rsync's --chmod. Pure.
 *
 *   D755,F644      directories get 755, files 644
 *   g+r,Dg+s       files and directories become readable for their group, directories set-group-id
 *   Fo=,u+rwX      files lose all for others; owners may do all, and execute what anybody may execute
 *
 * Items are separated by commas and applied in their order; `D` and `F` at the front of one narrow it to directories or
 * files. Symlinks have no mode on Linux.
 */
export type ModeMap = (kind: 'file' | 'directory', mode: number) => number

const ITEM = /^([DF]?)(?:([0-7]{3,4})|([ugoa]*)([-+=])([rwxXst]*))$/
/** Without a letter that says whose they are, these bits are left alone, as chmod(1) and rsync leave those of the umask. */
const UMASK = 0o022
const WHO_BITS = { u: 0o4700, g: 0o2070, o: 0o1007 } as const
const ANY_EXECUTE = 0o111

export const MODE_MAP_ACCEPTED = "preserve, or changes as of rsync's --chmod (D755,F644 or g+r, say)"

/** @returns null for a text that is neither */
export function parseModeMap(text: string): ModeMap | null {
  if (text === 'preserve') return (_kind, mode) => mode
  const items = text.split(',').map(parseItem)
  if (items.some((item) => item === null)) return null
  return (kind, mode) => items.reduce((changed, item) => item?.(kind, changed) ?? changed, mode)
}

function parseItem(text: string): ModeMap | null {
  const [found, only, octal, who = '', sign = '', letters = ''] = ITEM.exec(text) ?? []
  if (found === undefined) return null
  const applies = (kind: 'file' | 'directory') => only === '' || only === (kind === 'directory' ? 'D' : 'F')
  if (octal !== undefined) {
    const exact = Number.parseInt(octal, 8)
    return (kind, mode) => (applies(kind) ? exact : mode)
  }
  const reach = reachOf(who)
  return (kind, mode) => {
    if (!applies(kind)) return mode
    const bits = bitsOf(letters, kind === 'directory' || (mode & ANY_EXECUTE) !== 0) & reach
    if (sign === '+') return mode | bits
    return sign === '-' ? mode & ~bits : (mode & ~(reach & 0o777)) | bits
  }
}

function reachOf(who: string): number {
  if (who === '') return 0o7777 & ~UMASK
  if (who.includes('a')) return 0o7777
  let bits = 0
  if (who.includes('u')) bits |= WHO_BITS.u
  if (who.includes('g')) bits |= WHO_BITS.g
  if (who.includes('o')) bits |= WHO_BITS.o
  return bits
}

/** Of everybody at once; `reachOf` narrows them. */
function bitsOf(letters: string, mayExecute: boolean): number {
  let bits = 0
  if (letters.includes('r')) bits |= 0o444
  if (letters.includes('w')) bits |= 0o222
  if (letters.includes('x') || (letters.includes('X') && mayExecute)) bits |= 0o111
  if (letters.includes('s')) bits |= 0o6000
  if (letters.includes('t')) bits |= 0o1000
  return bits
}
