/** Pure text: the bar of a first sync, the line of a changeset, and sizes and times as people read them. */

export interface Progress {
  name: string
  entries: number
  totalEntries: number
  bytes: number
  totalBytes: number
  seconds: number
}

const BAR_CELLS = 24

/** `web1 ████░░░░ 45% 1,234 of 2,843 files, 21.0 MB, 12.3 MB/s, 3 s left`, cut to `columns`. */
export function progressLine(progress: Progress, columns: number): string {
  const { name, entries, totalEntries, bytes, totalBytes, seconds } = progress
  const share = shareOf(progress)
  const full = Math.round(share * BAR_CELLS)
  const bar = '█'.repeat(full) + '░'.repeat(BAR_CELLS - full)
  const rate = seconds > 0 ? bytes / seconds : 0
  const left = rate > 0 && totalBytes > bytes ? `, ${duration((totalBytes - bytes) / rate)} left` : ''
  const figures = `${count(entries)} of ${count(totalEntries)} files, ${size(bytes)}, ${size(rate)}/s${left}`
  return `${name} ${bar} ${String(Math.floor(share * 100)).padStart(3)}% ${figures}`.slice(0, Math.max(columns - 1, 20))
}

/** `#1234 web1 +3 ~1 -2 48.1 kB in 12 ms` */
export function changesetLine(
  name: string,
  figures: { sequence: number; added: number; changed: number; removed: number; bytes: number; ms: number },
): string {
  const { sequence, added, changed, removed, bytes, ms } = figures
  return `#${sequence} ${name} +${added} ~${changed} -${removed} ${size(bytes)} in ${Math.round(ms)} ms`
}

export function size(bytes: number): string {
  if (bytes < 1000) return `${Math.round(bytes)} B`
  const units = ['kB', 'MB', 'GB', 'TB']
  let value = bytes / 1000
  let unit = 0
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1000
    unit += 1
  }
  return `${value.toFixed(1)} ${units[unit]}`
}

export function duration(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`
}

export function count(number: number): string {
  return number.toLocaleString('en')
}

/** Bytes tell more than files, where there are any. */
function shareOf({ entries, totalEntries, bytes, totalBytes }: Progress): number {
  if (totalBytes > 0) return Math.min(1, bytes / totalBytes)
  return totalEntries > 0 ? Math.min(1, entries / totalEntries) : 0
}
