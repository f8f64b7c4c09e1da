/** The kernel's list of mounts, in the form of proc_pid_mountinfo(5). */
import { readFileSync } from 'node:fs'
import { errorCode } from './failure.ts'

export interface Mount {
  /** `major:minor`, as the kernel names the filesystem. */
  device: string
  /** The part of that filesystem that is mounted: `/` when all of it is. */
  part: string
  /** Absolute path of the mount point. */
  place: string
  /** `ext4`, `nfs4`, `tmpfs` … */
  type: string
}

const MOUNTS = '/proc/self/mountinfo'

/** @returns an empty text when there is no such list. @throws the system error */
export function readMounts(): string {
  try {
    return readFileSync(MOUNTS, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return ''
    throw error
  }
}

/** In the order of the list: when several mounts are at one place, the last one is visible. */
export function parseMounts(text: string): Mount[] {
  return text.split('\n').flatMap((line) => {
    // 36 35 98:0 /part /place options optional… - type source options
    const [, , device, part, place, ...rest] = line.split(' ')
    if (device === undefined || part === undefined || place === undefined) return []
    return [{ device, part: unescaped(part), place: unescaped(place), type: rest[rest.indexOf('-') + 1] ?? '' }]
  })
}

/** The kernel writes blanks, tabs, newlines and backslashes as octal numbers. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
}
