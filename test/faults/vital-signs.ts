/** The kernel's view of a process that must not leak: its memory, its descriptors, its watches. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

export interface VitalSigns {
  /** Resident memory in MB. */
  memory: number
  descriptors: number
  /** inotify watches. */
  watches: number
}

export function vitalSigns(pid: number): VitalSigns {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  const memory = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1_000
  const infos = readdirSync(`/proc/${pid}/fdinfo`).map((name) => infoOf(pid, name))
  const watches = infos.reduce((sum, info) => sum + info.split('inotify wd:').length - 1, 0)
  return { memory: Math.round(memory), descriptors: infos.length, watches }
}

/** The files that its descriptors refer to. */
export function openFiles(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).map((name) => unlessClosed(() => readlinkSync(`/proc/${pid}/fd/${name}`)))
}

function infoOf(pid: number, name: string): string {
  return unlessClosed(() => readFileSync(`/proc/${pid}/fdinfo/${name}`, 'latin1'))
}

/** A descriptor that was closed meanwhile does not count. */
function unlessClosed(read: () => string): string {
  try {
    return read()
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return ''
    throw error
  }
}
