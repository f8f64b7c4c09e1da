/**
 * The base of a delta: the file that is at the path before the changeset.
 *
 * Nothing about it is trusted but its size, which avoids most futile work: the digest of the finished file decides.
 */
import { Buffer } from 'node:buffer'
import { closeSync, fstatSync, readSync } from 'node:fs'
import type { ConfinedDirectories } from '@rootferry/host/machine'
import type { Delta } from '@rootferry/protocol'
import { type BorderView, isBorderTrouble, isSystemError, isTroubleOfAll } from './disk-errors.ts'
import { openRegular } from './file-digest.ts'

const buffer = Buffer.allocUnsafeSlow(1024 * 1024)

/** The file at the path is not the base of the delta. */
export class OtherBase extends Error {}

export interface BaseFiles {
  confined: ConfinedDirectories
  untouchable: BorderView
}

/**
 * Bytes of a slice that is made from the file at the path and from `carried`.
 * @yields pieces in order, each valid until the next one
 * @throws OtherBase; the system error when the disk is in trouble
 */
export function* piecesOf(delta: Delta, path: string, carried: Uint8Array, files: BaseFiles): Generator<Uint8Array> {
  const base = openBase(path, delta.base, files)
  try {
    let used = 0
    for (const [from, length] of delta.steps) {
      if (from === null) yield carried.subarray(used, used + length)
      else yield* read(base, from, length, (error) => isBorderTrouble(error, path, files.untouchable))
      if (from === null) used += length
    }
  } finally {
    closeSync(base)
  }
}

function openBase(path: string, size: number, files: BaseFiles): number {
  const descriptor = regularAt(path, files)
  if (descriptor === null) throw new OtherBase('no file is there')
  if (fstatSync(descriptor).size === size) return descriptor
  closeSync(descriptor)
  throw new OtherBase('it has another size')
}

/** Null when the path does not lead to a readable file. @throws the system error when the disk is in trouble */
export function regularAt(path: string, { confined, untouchable }: BaseFiles): number | null {
  try {
    return openRegular(confined.locate(path))
  } catch (error) {
    if (isTroubleOfAll(error, path, untouchable) || !isSystemError(error)) throw error
    return null
  }
}

function* read(
  base: number,
  from: number,
  length: number,
  isItsOwnTrouble: (error: unknown) => boolean,
): Generator<Uint8Array> {
  for (let done = 0; done < length; ) {
    const bytes = readPiece(base, from + done, length - done, isItsOwnTrouble)
    if (bytes === 0) throw new OtherBase('it was cut short')
    yield buffer.subarray(0, bytes)
    done += bytes
  }
}

function readPiece(base: number, at: number, most: number, isItsOwnTrouble: (error: unknown) => boolean): number {
  try {
    return readSync(base, buffer, 0, Math.min(buffer.byteLength, most), at)
  } catch (error) {
    if (isItsOwnTrouble(error)) throw new OtherBase('it cannot be read', { cause: error })
    throw error
  }
}
