/** One local directory: its names and the object behind each. Never follows a symlink, never opens a file. */
import { Buffer } from 'node:buffer'
import { readlinkSync } from 'node:fs'
import type { ConfinedDirectories, DiskKind } from '@rootferry/host/machine'
import { joinPath } from '@rootferry/protocol'
import { objectOfStatus } from '../files/attributes.ts'
import { type BorderView, isBorderTrouble, isDiskTrouble, isRace, isSystemError } from '../files/disk-errors.ts'
import type { DiskObject } from '../files/disk-object.ts'
import type { ExtendedAttributes } from '../files/extended.ts'
import { listInTurns } from '../files/list-in-turns.ts'
import type { Walk } from '../files/walk.ts'

/** Names that are looked at between two yields. */
const PORTION = 64

export interface LocalEntry extends DiskObject {
  /** The target of a symlink. */
  target?: string
}

export interface LocalDirectory {
  entries: Map<string, LocalEntry>
  /** Names that are not valid UTF-8, which the agent cannot have either. */
  unspeakable: { name: Buffer; kind: DiskKind }[]
  /** Places where a filesystem is mounted that does not answer, with its error: nothing is known of what is there. */
  unseen: Map<string, unknown>
}

export interface ScanParts {
  confined: ConfinedDirectories
  /** Reads what the root preserves besides attributes. */
  extended: ExtendedAttributes
  untouchable: BorderView
}

/** @returns null when there is no such directory. @throws the system error when it cannot be read */
export function* scanDirectory(
  { confined, untouchable, extended }: ScanParts,
  directory: string,
): Walk<LocalDirectory | null> {
  try {
    const listed = yield* listInTurns(confined.locateDirectory(directory))
    const entries = new Map<string, LocalEntry>()
    const unspeakable: LocalDirectory['unspeakable'] = []
    const unseen: LocalDirectory['unseen'] = new Map()
    for (let at = 0; at < listed.length; at += PORTION) {
      for (const { name, kind } of listed.slice(at, at + PORTION)) {
        const text = name.toString()
        // Such a name must not be read as text: another object may have that name.
        if (text.includes('\ufffd') && !Buffer.from(text).equals(name)) unspeakable.push({ name, kind })
        else {
          try {
            const entry = localEntry({ confined, extended }, directory, text)
            if (entry !== null) entries.set(text, entry)
          } catch (error) {
            if (!isBorderTrouble(error, joinPath(directory, text), untouchable)) throw error
            unseen.set(text, error)
          }
        }
      }
      yield
    }
    return { entries, unspeakable, unseen }
  } catch (error) {
    if (isRace(error)) return null
    throw error
  }
}

/** Null when nothing is there. @throws the system error */
function localEntry(
  { confined, extended }: Pick<ScanParts, 'confined' | 'extended'>,
  directory: string,
  name: string,
): LocalEntry | null {
  const status = confined.statusIn(directory, name)
  if (status === null) return null
  const entry: LocalEntry = objectOfStatus(status)
  if (entry.kind === 'other') return entry
  const location = () => confined.locateIn(directory, name)
  const found = extended.isOn ? extended.readAt(location()) : null
  if (found !== null) entry.extended = found
  if (entry.kind === 'symlink') entry.target = readlinkSync(location())
  return entry
}

/** How many objects there are at the path and below it; an unreadable directory counts as one. */
export function* countObjects(confined: ConfinedDirectories, top: string): Walk<number> {
  let objects = 1
  const waiting = [top]
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    yield
    try {
      const children = yield* listInTurns(confined.locateDirectory(path))
      objects += children.length
      for (const { name, kind } of children) if (kind === 'directory') waiting.push(joinPath(path, name.toString()))
    } catch (error) {
      if (isDiskTrouble(error) || !isSystemError(error)) throw error
    }
  }
  return objects
}
