/** The names in one directory, however many: 300,000 of them in one call would hold the thread up for a second. */
import type { Buffer } from 'node:buffer'
import { type Dirent, opendirSync } from 'node:fs'
import { type DiskKind, kindOf } from '@rootferry/host/machine'
import type { Walk } from './walk.ts'

/** Names that are read between two yields. */
const PORTION = 256

export interface ListedName {
  name: Buffer
  kind: DiskKind
}

/** @param location is used before the first yield only. @throws the system error */
export function* listInTurns(location: string | Buffer): Walk<ListedName[]> {
  const listed: ListedName[] = []
  // The declarations know names as text only.
  const directory = opendirSync(location as string, { encoding: 'buffer' as BufferEncoding, bufferSize: PORTION })
  try {
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
      const { name } = entry as unknown as Dirent<Buffer>
      listed.push({ name, kind: kindOf(entry) })
      if (listed.length % PORTION === 0) yield
    }
    return listed
  } finally {
    directory.closeSync()
  }
}
