/**
 * Which user or group numbers exist in the user namespace of this process, from /proc/self/uid_map or gid_map: the
 * kernel refuses an owner whose number it cannot represent with EINVAL, for that number alone.
 */
import { readFileSync } from 'node:fs'
import { errorCode } from '@rootferry/host/machine'

/** @returns whether a number exists here; without such a file all do. @throws the system error */
export function readIdMap(file: string): (id: number) => boolean {
  const ranges = parseIdMap(textOf(file))
  return ranges === null ? () => true : (id) => ranges.some(({ first, count }) => id >= first && id - first < count)
}

/** Lines of three numbers: the first here, the first outside, how many. @returns null for an empty map */
function parseIdMap(text: string): { first: number; count: number }[] | null {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  if (lines.length === 0) return null
  return lines.map((line) => {
    const [first = 0, , count = 0] = line.trim().split(/\s+/).map(Number)
    return { first, count }
  })
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return ''
    throw error
  }
}
