/** Pure text: the bar of a first sync and the line of a changeset. */
import { bar, count, duration, size } from '@rootferry/host/daemon'

export interface Progress {
  name: string
  entries: number
  totalEntries: number
  bytes: number
  totalBytes: number
  seconds: number
  /** The target has everything, whether that was sent or there already. */
  inSync: boolean
}

/** `web1 ████░░░░ 45% 1,234 of 2,843 files, 21.0 MB, 12.3 MB/s, 3 s left`, cut to `columns`. */
export function progressLine(progress: Progress, columns: number): string {
  const { name, entries, totalEntries, bytes, totalBytes, seconds } = progress
  if (progress.inSync) {
    const sent = `in sync, ${count(entries)} of ${count(totalEntries)} files sent, ${size(bytes)}`
    return `${name} ${bar(1)} ${sent}`.slice(0, Math.max(columns - 1, 20))
  }
  const share = shareOf(progress)
  const rate = seconds > 0 ? bytes / seconds : 0
  const left = rate > 0 && totalBytes > bytes ? `, ${duration((totalBytes - bytes) / rate)} left` : ''
  const figures = `${count(entries)} of ${count(totalEntries)} files, ${size(bytes)}, ${size(rate)}/s${left}`
  return `${name} ${bar(share)} ${figures}`.slice(0, Math.max(columns - 1, 20))
}

/** `in sync: 24,392 entries, 221.9 MB, 2 targets, 9.2 s` */
export function inSyncLine(all: { entries: number; bytes: number; targets: number; seconds: number }): string {
  const entries = `${count(all.entries)} ${all.entries === 1 ? 'entry' : 'entries'}`
  const targets = `${all.targets} ${all.targets === 1 ? 'target' : 'targets'}`
  return `in sync: ${entries}, ${size(all.bytes)}, ${targets}, ${all.seconds.toFixed(1)} s`
}

/** `#1234 web1 +3 ~1 -2 48.1 kB in 12 ms` */
export function changesetLine(
  name: string,
  figures: { sequence: number; added: number; changed: number; removed: number; bytes: number; ms: number },
): string {
  const { sequence, added, changed, removed, bytes, ms } = figures
  return `#${sequence} ${name} +${added} ~${changed} -${removed} ${size(bytes)} in ${Math.round(ms)} ms`
}

/** Bytes measure progress better than files, where there are any. */
function shareOf({ entries, totalEntries, bytes, totalBytes }: Progress): number {
  if (totalBytes > 0) return Math.min(1, bytes / totalBytes)
  return totalEntries > 0 ? Math.min(1, entries / totalEntries) : 0
}
