/**
 * Files that have changed without a hint, and in a way that only their bytes can tell: another name of a file came and
 * went, which leaves its time at all names, and the agent ended before it had written down what it knew of the bytes.
 */
import { rowsOf } from './database.ts'
import type { Machine } from './machine.ts'
import { INDEX_FILE } from './places.ts'

/** @param at the docroot. @returns whether a scan must take a file for another one, though it is the same */
export function hasUnheardFiles(agent: Machine, at: string): boolean {
  const rows = rowsOf(
    agent,
    INDEX_FILE,
    `SELECT path AS directory, entries.name, ctime FROM entries JOIN directories ON id = entries.directory
     LEFT JOIN digests USING (content) WHERE kind = 1 AND digest IS NULL`,
  )
  return rows.some(({ directory, name, ctime }) => {
    const inode = agent.disk.find(`${at}/${directory}/${name}`.replaceAll('/./', '/'))
    return inode !== null && Math.round(inode.attributes.ctimeMs * 1_000) !== Number(ctime)
  })
}
