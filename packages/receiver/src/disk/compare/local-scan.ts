/** One local directory as it is: names and what each of them is. Never follows a symlink, never opens a file. */
import { Buffer } from 'node:buffer'
import { readdirSync, readlinkSync } from 'node:fs'
import type { ConfinedDirectories } from '@rootferry/host/machine'
import { joinPath } from '@rootferry/protocol'
import { readObject } from '../files/attributes.ts'
import { isDiskTrouble, isRace, isSystemError } from '../files/disk-errors.ts'
import type { DiskObject } from '../files/disk-object.ts'

export interface LocalEntry extends DiskObject {
  /** Of a symlink. */
  target?: string
}

export interface LocalDirectory {
  entries: Map<string, LocalEntry>
  /** Names that are no valid UTF-8, which the agent can not have either. */
  unspeakable: Buffer[]
}

/** @returns null when there is no such directory. @throws the system error when it can not be read */
export function scanDirectory(confined: ConfinedDirectories, directory: string): LocalDirectory | null {
  try {
    const location = confined.locateDirectory(directory)
    const entries = new Map<string, LocalEntry>()
    let isDoubtful = false
    for (const name of readdirSync(location)) {
      if (name.includes('\ufffd')) isDoubtful = true
      const object = readObject(`${location}/${name}`)
      if (object === null) continue
      entries.set(name, object.kind === 'symlink' ? { ...object, target: readlinkSync(`${location}/${name}`) } : object)
    }
    return { entries, unspeakable: isDoubtful ? unspeakableNames(location) : [] }
  } catch (error) {
    if (isRace(error)) return null
    throw error
  }
}

/** How many objects there are at the path and below it; what can not be looked at counts as one. */
export function countObjects(confined: ConfinedDirectories, path: string): number {
  try {
    const children = readdirSync(confined.locateDirectory(path), { withFileTypes: true })
    return children.reduce(
      (sum, child) => sum + (child.isDirectory() ? countObjects(confined, joinPath(path, child.name)) : 1),
      1,
    )
  } catch (error) {
    if (isDiskTrouble(error) || !isSystemError(error)) throw error
    return 1
  }
}

function unspeakableNames(location: string): Buffer[] {
  return readdirSync(location, { encoding: 'buffer' }).filter((name) => !Buffer.from(name.toString()).equals(name))
}
