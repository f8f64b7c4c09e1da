/**
 * The holders of a lock on a directory, as far as this process may see them, and whether each of them counts.
 *
 * Any user who may read a directory can lock it. So a holder counts when it runs as root, as our own user or as the
 * owner of the directory, or when its command is one of our daemons. Any other holder is a stranger, who must not be
 * able to keep a daemon from starting. A holder in another container cannot be seen, and counts. The kernel names the
 * process that called flock; a `flock` command has ended by then, so our daemons are found by their command and by the
 * directory that they hold open. A confined service may not see what other daemons hold open: one of ours is taken for
 * the holder then, but only where the kernel names a process that is not there.
 */
import { type BigIntStats, existsSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { errorCode } from './failure.ts'

export interface LockHolder {
  pid: number
  uid: number
  role: 'agent' | 'receiver' | null
  /** Whether the holder must be respected. */
  counts: boolean
}

const OUR_COMMAND = /rootferry-(agent|receiver)|\/(agent|receiver)\/(?:src|bundle|dist)\/main\.[jt]s/

/** Without this process. Empty: no holder can be seen. Looks at every process of the machine. */
export function lockHolders(directory: Pick<BigIntStats, 'dev' | 'ino' | 'uid'>): LockHolder[] {
  const respected = [0, statSync('/proc/self').uid, Number(directory.uid)]
  const named = namedByKernel(textOf('/proc/locks'), directory.ino)
  const ourselves = readlinkSync('/proc/self')
  const processes = namesIn('/proc').filter((name) => /^\d+$/.test(name) && name !== ourselves)
  const isOneUnknown = [...named].some((pid) => !existsSync(`/proc/${pid}`))
  return processes.map(Number).flatMap((pid) => {
    const role = roleOf(pid)
    const isNamed = named.has(pid)
    // Directories of two filesystems may have one number: of a daemon of ours it is known what it holds open.
    const holds = role === null ? isNamed : (hasOpen(pid, directory) ?? (isNamed || isOneUnknown))
    const uid = holds ? statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid : undefined
    return uid === undefined ? [] : [{ pid, uid, role, counts: role !== null || respected.includes(uid) }]
  })
}

function roleOf(pid: number): LockHolder['role'] {
  const match = OUR_COMMAND.exec(textOf(`/proc/${pid}/cmdline`))
  const name = match?.[1] ?? match?.[2]
  return name === 'agent' || name === 'receiver' ? name : null
}

/** The device is left out: on some filesystems directories have another device number than their locks. */
function namedByKernel(locks: string, inode: bigint): Set<number> {
  const found = locks.split('\n').flatMap((line) => {
    // 1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF
    const [, kind, , , pid, place] = line.split(/\s+/)
    return kind === 'FLOCK' && place?.split(':')[2] === String(inode) ? [Number(pid)] : []
  })
  return new Set(found)
}

/** Null: this process may not see it. */
function hasOpen(pid: number, { dev, ino }: Pick<BigIntStats, 'dev' | 'ino'>): boolean | null {
  const descriptors = `/proc/${pid}/fd`
  try {
    return readdirSync(descriptors).some((name) => {
      const status = statSync(`${descriptors}/${name}`, { bigint: true, throwIfNoEntry: false })
      return status?.ino === ino && status.dev === dev
    })
  } catch (error) {
    const code = errorCode(error)
    if (code === null) throw error
    return code === 'EACCES' || code === 'EPERM' ? null : false
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    if (errorCode(error) === null) throw error
    return []
  }
}

/** Empty when the file cannot be read, or is gone: then nothing is known. */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (errorCode(error) === null) throw error
    return ''
  }
}
