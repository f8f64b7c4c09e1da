/**
 * Makes a docroot that resembles a shop's: many small files of code and text, some images, directories of about eight
 * files, a few levels deep. The same seed gives the same tree.
 */
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface TreeShape {
  files: number
  /** Mean bytes of a file; 0 makes all files empty. */
  meanBytes: number
  seed: number
}

const FILES_PER_DIRECTORY = 8
const WORDS = 'catalog module view block model template price customer checkout cart order layout config plugin'.split(
  ' ',
)

/** @returns bytes written */
export function makeTree(root: string, { files, meanBytes, seed }: TreeShape): number {
  const random = mulberry32(seed)
  const text = Buffer.from(Array.from({ length: 40_000 }, () => WORDS[Math.floor(random() * WORDS.length)]).join(' '))
  const noise = Buffer.from(Uint32Array.from({ length: 1 << 18 }, () => random() * 2 ** 32).buffer)
  let bytes = 0
  let directory = root
  mkdirSync(root, { recursive: true })
  for (let file = 0; file < files; file += 1) {
    if (file % FILES_PER_DIRECTORY === 0) {
      const number = file / FILES_PER_DIRECTORY
      directory = join(root, `vendor${number % 23}`, `package-${Math.floor(number / 23) % 97}`, `src${number}`)
      mkdirSync(directory, { recursive: true })
    }
    const path = join(directory, `${WORDS[file % WORDS.length]}-${file}.${file % 10 === 0 ? 'jpg' : 'php'}`)
    const size = meanBytes === 0 ? 0 : sizeOf(random(), meanBytes)
    const source = file % 10 === 0 ? noise : text
    const start = Math.floor(random() * (source.length / 2))
    const content = Buffer.alloc(size)
    for (let at = 0; at < size; at += source.length - start) source.copy(content, at, start)
    content.write(`<?php // ${file} of ${seed}\n`)
    writeFileSync(path, content)
    utimesSync(path, 1_600_000_000 + file, 1_600_000_000 + file)
    bytes += size
  }
  return bytes
}

/** A long-tailed distribution, as in real docroots: half of the files are smaller than a third of the mean. */
function sizeOf(random: number, meanBytes: number): number {
  return Math.max(24, Math.min(Math.round((-Math.log(1 - random)) ** 1.6 * meanBytes * 0.7) || 24, 2_000_000))
}

/** A small seeded generator. Source: Tommy Ettinger's mulberry32 (public domain). */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
