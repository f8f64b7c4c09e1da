/** Where a symlink of the docroot leads, by the index alone: nothing is looked at. Pure. */
import { joinPath, parentPath, ROOT_PATH } from '@rootferry/protocol'
import type { EntryIndex } from '../index/entry-index.ts'

/** As many as the kernel follows. */
const MOST_LINKS = 40

/**
 * @param path of the symlink @param target what is written in it
 * @returns the path within the root, of something or nothing; null: it is absolute, or leads out of the root
 */
export function leadsTo(path: string, target: string, index: Pick<EntryIndex, 'get'>): string | null {
  let at = parentPath(path)
  const names = namesOf(target)
  for (let links = 0, name = names.pop(); name !== undefined; name = names.pop()) {
    if (name === '' || (name === '..' && at === ROOT_PATH)) return null
    const next = name === '..' ? parentPath(at) : joinPath(at, name)
    const row = name === '..' ? null : index.get(next)
    if (row?.kind === 'symlink' && row.target !== null) {
      names.push(...namesOf(row.target))
      links += 1
      if (links > MOST_LINKS) return null
    } else at = next
  }
  return at
}

/** Last first. An absolute path begins with an empty name. */
function namesOf(target: string): string[] {
  return target
    .split('/')
    .filter((name, place) => name !== '.' && (name !== '' || place === 0))
    .reverse()
}
