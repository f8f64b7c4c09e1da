/** The trash of one root as an operator sees it: which files are in it. Needs no daemon. Never led through a symlink. */
import { lstatSync, readdirSync, type Stats, statSync } from 'node:fs'
import { join } from 'node:path'
import { ConfinedDirectories, kindOf } from '@rootferry/host/machine'
import { joinPath, RESERVED_NAME } from '@rootferry/protocol'
import { isBatchName } from '../trash-names.ts'

export interface TrashedFile {
  batch: string
  /** Below the root. */
  path: string
  kind: 'file' | 'directory' | 'symlink' | 'other'
  /** Bytes of a file. */
  size: number
}

export interface TrashedRoot {
  name: string
  path: string
}

/** Files, symlinks and empty directories, the latest batch first. @throws the system error */
export function* trashedFiles(stateDir: string, root: TrashedRoot): Generator<TrashedFile> {
  for (const place of trashPlaces(stateDir, root)) {
    using trash = new ConfinedDirectories(place, 'refused')
    for (const batch of batchesIn(place)) yield* filesIn(trash, batch)
  }
}

/**
 * The trash lies in the state directory, or inside the root where that is another filesystem.
 * @throws the system error, also where it cannot be told whether there is one
 */
export function trashPlaces(stateDir: string, { name, path }: TrashedRoot): string[] {
  return [join(stateDir, 'trash', name), join(path, RESERVED_NAME, 'trash')].filter(
    (place) => statSync(place, { throwIfNoEntry: false }) !== undefined,
  )
}

/** The latest first. */
export function batchesIn(place: string): string[] {
  return readdirSync(place).filter(isBatchName).sort().reverse()
}

function* filesIn(trash: ConfinedDirectories, batch: string): Generator<TrashedFile> {
  const waiting = [batch]
  for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
    const names = readdirSync(trash.locateDirectory(directory)).sort()
    if (names.length === 0 && directory !== batch) {
      yield { batch, path: directory.slice(batch.length + 1), kind: 'directory', size: 0 }
    }
    for (const name of names) {
      const path = joinPath(directory, name)
      const status = lstatSync(trash.locate(path), { throwIfNoEntry: false })
      if (status === undefined) continue
      if (status.isDirectory()) waiting.push(path)
      else yield { batch, path: path.slice(batch.length + 1), kind: kindOf(status), size: sizeOf(status) }
    }
  }
}

function sizeOf(status: Stats): number {
  return status.isFile() ? status.size : 0
}
