/** Prints how much memory the shop's servers take, by server and for Rootferry: shared pages count once. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { DIRECTORY } from './shop.ts'

const names = new Map<string, string>()
for (const name of readdirSync(join(DIRECTORY, 'servers'))) {
  try {
    const id = readFileSync(join(DIRECTORY, 'servers', name, 'pid'), 'utf8').trim()
    names.set(readlinkSync(`/proc/${id}/ns/net`), name)
  } catch {
    // It is off.
  }
}
const megabytes = new Map<string, number>()
for (const id of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
  try {
    const name = names.get(readlinkSync(`/proc/${id}/ns/net`))
    if (name === undefined) continue
    const [, kilobytes = '0'] = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${id}/smaps_rollup`, 'utf8')) ?? []
    const command = readFileSync(`/proc/${id}/comm`, 'utf8').trim()
    for (const key of ['in all', name, ...(command.startsWith('rootferry') ? [`${name}: ${command}`] : [])]) {
      megabytes.set(key, (megabytes.get(key) ?? 0) + Number(kilobytes) / 1024)
    }
  } catch {
    // It has ended meanwhile.
  }
}
const list = [...megabytes].sort(([a], [b]) => (a < b ? -1 : 1))
console.log(`memory: ${list.map(([name, size]) => `${name} ${Math.round(size)} MB`).join(', ')}`)
